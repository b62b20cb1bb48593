"""User names: one person's name is nobody else's, however it is typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.user_name import UserName, read_user_name, user_name_key


@pytest.mark.parametrize(
    ("typed", "text", "key"),
    [
        ("alice", "alice", "alice"),
        ("  Alice ", "Alice", "alice"),
        ("ＡＬＩＣＥ", "ALICE", "alice"),
        ("Alice Smith", "Alice Smith", "alice smith"),
        ("Straße", "Straße", "strasse"),
        ("ΣΊΣΥΦΟΣ", "ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ("e\u0301va", "éva", "éva"),
        ("محمد", "محمد", "محمد"),
        ("x" * 64, "x" * 64, "x" * 64),
    ],
)
def test_a_name_is_kept_as_typed_and_found_in_any_case(typed, text, key):
    assert read_user_name(typed) == UserName(text=text, key=key)
    assert user_name_key(f" {typed.upper()} ") == key


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("x" * 65, "long"),
        ("ﷺ" * 20, "long"),
        ("x" * 10_000, "long"),
        ("alice@example.com", "at_sign"),
        ("alice＠example.com", "at_sign"),
        ("ali\x00ce", "character"),
        ("ali\nce", "character"),
        ("ali\u200bce", "character"),
        ("\u202ealice", "character"),
        ("ali\ud800ce", "character"),
        ("ali\u2028ce", "character"),
        ("\ue000", "character"),
    ],
)
def test_what_cannot_be_a_name_says_why(typed, problem):
    assert read_user_name(typed) == Refused(Reason.USER_NAME_MALFORMED, detail={"problem": problem})


@given(st.text(st.characters(), max_size=300))
def test_any_text_gets_an_answer_and_a_stable_key(typed):
    key = user_name_key(typed)
    assert user_name_key(key) == key
    name = read_user_name(typed)
    if isinstance(name, UserName):
        assert 1 <= len(name.text) <= 64
        assert name.text == name.text.strip()
        assert "@" not in name.text
        assert name.key == key == user_name_key(name.text)
        assert read_user_name(name.text) == name


def test_overlong_text_finds_nobody():
    assert len(user_name_key("alice" + " " * 10_000 + "x")) > 64
    assert len(user_name_key("e" + "\u0315\u0327" * 5_000)) > 64
