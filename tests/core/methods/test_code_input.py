"""One box for every code: the shape decides, and nothing typed can hurt."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twostep.core.methods import recovery_codes
from twostep.core.methods.code_input import (
    SixDigits,
    TypedBackupCode,
    TypedTemporaryCode,
    read_code,
    read_six_digits,
)
from twostep.core.refusal import Reason, Refused


READERS = pytest.mark.parametrize("read", [read_code, read_six_digits])


@pytest.mark.row("UX-02")
@READERS
@pytest.mark.parametrize(
    "typed",
    [
        "012345",
        "012 345",
        "012-345",
        "012.345",
        " 012345\r\n",
        "#012345",
        "# 012 345",
        "o12345",
        "Ol2345",
        "０１２３４５",
        "٠١٢٣٤٥",
        "۰۱۲۳۴۵",
        "०१२३४५",
        "𝟎𝟏𝟐𝟑𝟒𝟓",
        "012–345",
        "012\u00a0345",
        "\u202a012345\u202c",
        "0 1 2 3 4 5",
    ],
)
def test_six_digits_are_read_from_any_hand(read, typed):
    assert read(typed) == SixDigits("012345")


@READERS
@pytest.mark.parametrize("typed", ["", "   ", "\t\n", "---", "#", " - . ", " " * 10_000, "\u200b"])
def test_nothing_typed_is_empty(read, typed):
    assert read(typed) == Refused(Reason.CODE_EMPTY)


@READERS
@pytest.mark.parametrize("typed", ["1", "12345", "1234567", "12345678", "1 234 567", "9" * 10_000])
def test_a_wrong_length_is_named(read, typed):
    length = len(typed.replace(" ", ""))
    reason = Reason.CODE_SHORT if length < 6 else Reason.CODE_LONG
    assert read(typed) == Refused(reason, detail={"length": length, "expected": 6})


@READERS
@pytest.mark.parametrize(
    "typed",
    [
        "abcdef",
        "12345a",
        "12345?",
        "12\x003456",
        "½23456",
        "²01512",
        "①23456",
        "12345⁶",
        "hello!",
        "é",
    ],
)
def test_letters_and_signs_are_named(read, typed):
    assert read(typed) == Refused(Reason.CODE_NOT_DIGITS)


def test_the_shape_tells_the_kind():
    assert read_code("k7qm2-xpd9r-tc4hw") == TypedBackupCode("K7QM2XPD9RTC4HW")
    assert read_code("7h2k-93qd") == TypedTemporaryCode("7H2K93QD")
    assert read_code("123456789012345") == TypedBackupCode("123456789012345")
    assert read_code("1234-567l").reason is Reason.CODE_LONG
    assert read_six_digits("7h2k-93qd").reason is Reason.CODE_NOT_DIGITS


@pytest.mark.parametrize(
    ("typed", "reason", "length"),
    [("K7QM2-XPD9R-TC4H", Reason.CODE_SHORT, 14), ("K7QM2-XPD9R-TC4HWA", Reason.CODE_LONG, 16)],
)
def test_a_backup_code_of_the_wrong_length_is_told_its_own_length(typed, reason, length):
    assert read_code(typed) == Refused(reason, detail={"length": length, "expected": 15})


@READERS
@pytest.mark.parametrize(
    "typed",
    ["\x00" * 10_000, "a" * 10_000, "ﷺ" * 10_000, "e" + "\u0315\u0327" * 5_000, "\ud800", "\ufdfa"],
)
def test_monsters_are_refused(read, typed):
    assert isinstance(read(typed), Refused)


@given(st.text(st.characters(), max_size=300))
def test_any_text_gets_an_answer(typed):
    six = read_six_digits(typed)
    if isinstance(six, SixDigits):
        assert len(six.code) == 6
        assert six.code.isascii()
        assert six.code.isdigit()
        assert read_code(typed) == six
    assert isinstance(read_code(typed), (SixDigits, TypedBackupCode, TypedTemporaryCode, Refused))


@given(st.text(st.characters(categories=["Nd"]), min_size=6, max_size=6))
def test_decimal_digits_of_every_script_count(typed):
    meant = "".join(str(unicodedata.decimal(mark)) for mark in typed)
    assert read_six_digits(typed) == SixDigits(meant)


@given(st.text(recovery_codes.ALPHABET, min_size=15, max_size=15))
def test_every_backup_code_is_known_by_its_shape(code):
    assert read_code(recovery_codes.format_code(code)) == TypedBackupCode(code)
