"""The key file: what is written reads back, and mistakes are named by line without the key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twostep.core.key_file import format_keyring, parse_keyring
from twostep.core.sealing import Key, Keyring, new_key


GOOD = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=5))
def test_a_written_keyring_reads_back(materials):
    ring = Keyring(tuple(Key(f"k{number}", material) for number, material in enumerate(materials)))
    assert parse_keyring(format_keyring(ring)) == ring


def test_comments_empty_lines_and_other_line_ends_are_fine():
    text = f"\ufeff# ours\r\n\r\n  k2   {GOOD}  \r\n\t# older\r\nk1 {GOOD}"
    assert [key.id for key in parse_keyring(text).keys] == ["k2", "k1"]


def test_the_newest_key_stands_first():
    ring = Keyring((new_key(), new_key()))
    assert parse_keyring(format_keyring(ring)).newest == ring.newest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no key in it"),
        ("# only words\n", "no key in it"),
        (GOOD, "line 1: expected an id"),
        (f"# x\nk1 {GOOD} more", "line 2: expected an id"),
        (f"k1 {GOOD[:-4]}", "line 1: a key has 32 bytes, not 30"),
        (f"k1 {GOOD[:-2]}", "line 1: the key is not base64"),
        ("k1 ÄÖÜ", "line 1: the key is not base64"),
        (f"k1 {GOOD}\nk1 {GOOD}", "line 2: this id stands on an earlier line"),
        (f"k/1 {GOOD}", "line 1: a key's id"),
        ("\x00\x01\x02", "line 1: expected an id"),
    ],
)
def test_a_mistake_is_named_by_its_line_and_never_shown(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_keyring(text)
    assert GOOD[:8] not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
