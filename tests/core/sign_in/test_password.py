"""Passwords: hashed as received, refused when short, common or the account's own words."""

from __future__ import annotations

import argon2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import password
from twostep.core.sign_in.common_passwords import common_words, is_common
from twostep.core.sign_in.password import PROFILES, PasswordCheck, Profile


TEST = PROFILES["test"]
DEARER = Profile(name="dearer", memory_kib=16, passes=2, lanes=1)
GOOD = "our cat sleeps on the piano"


def review(text, *, two_step_on=False, context_words=()):
    return password.refuse_password(text, two_step_on=two_step_on, context_words=context_words)


def test_the_default_profile_is_the_documented_one():
    stored = password.hash_password(GOOD, profile=PROFILES["default"])
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    verdict = password.verify_hash(stored, GOOD, profile=PROFILES["default"])
    assert verdict == PasswordCheck(ok=True, needs_rehash=False)


@given(st.text(st.characters(), max_size=60), st.text(st.characters(), max_size=60))
def test_a_hash_knows_its_password_and_no_other(first, second):
    stored = password.hash_password(first, profile=TEST)
    assert password.verify_hash(stored, first, profile=TEST).ok
    same = password._normal(first) == password._normal(second)
    assert password.verify_hash(stored, second, profile=TEST).ok is same


def test_two_spellings_of_the_same_accent_are_one_password():
    stored = password.hash_password("caf\u00e9 au lait, please", profile=TEST)
    assert password.verify_hash(stored, "cafe\u0301 au lait, please", profile=TEST).ok


def test_nothing_is_cut_trimmed_or_folded():
    stored = password.hash_password("a" * 1024, profile=TEST)
    for other in ("a" * 1023, "a" * 1025, "a" * 1023 + "b", "A" * 1024, " " + "a" * 1024):
        assert not password.verify_hash(stored, other, profile=TEST).ok
    assert not password.verify_hash(
        password.hash_password("a\x00b", profile=TEST), "a\x00c", profile=TEST
    ).ok


def test_a_raised_profile_asks_for_a_new_hash_only_when_the_password_is_right():
    stored = password.hash_password(GOOD, profile=TEST)
    assert password.verify_hash(stored, GOOD, profile=DEARER) == PasswordCheck(
        ok=True, needs_rehash=True
    )
    check = password.verify_hash(stored, GOOD + "!", profile=DEARER)
    assert check == PasswordCheck(ok=False, needs_rehash=False)


def test_a_broken_row_is_no_wrong_password():
    with pytest.raises(argon2.exceptions.InvalidHashError):
        password.verify_hash("", GOOD, profile=TEST)


@pytest.mark.parametrize("profile", [TEST, DEARER])
def test_the_dummy_costs_the_same_and_matches_nothing(profile):
    dummy = password.dummy_hash(profile)
    real = password.hash_password(GOOD, profile=profile)
    assert argon2.extract_parameters(dummy) == argon2.extract_parameters(real)
    assert password.dummy_hash(profile) is dummy
    assert not password.verify_hash(dummy, GOOD, profile=profile).ok
    assert not password.verify_hash(dummy, "", profile=profile).ok


@given(st.integers(1, 2**22), st.integers(1, 9), st.integers(1, 9))
def test_a_profiles_parameters_read_back(memory_kib, passes, lanes):
    profile = Profile(name="stored", memory_kib=memory_kib, passes=passes, lanes=lanes)
    assert password.profile_from(profile.parameters) == profile


@pytest.mark.parametrize(
    "text", ["", "m=1,t=1", "m=1,t=1,p=x", "m=0,t=1,p=1", "m=1,t=1,p=1,k=2", "m,t,p"]
)
def test_other_parameters_are_an_error(text):
    with pytest.raises(ValueError, match="Argon2id"):
        password.profile_from(text)


@pytest.mark.parametrize(("two_step_on", "minimum"), [(False, 15), (True, 8)])
def test_the_least_length_depends_on_two_step_sign_in(two_step_on, minimum):
    text = "xkv!7 pöqzw3 mzt"
    assert review(text[:minimum], two_step_on=two_step_on) is None
    short = review(text[: minimum - 1], two_step_on=two_step_on)
    assert short == Refused(Reason.PASSWORD_TOO_SHORT, detail={"minimum": minimum})


def test_length_is_counted_in_characters_as_received():
    assert review("e\u0301" * 14 + "").reason is Reason.PASSWORD_TOO_SHORT
    assert review("🐈🎹 schläft heute") is None


def test_1024_characters_and_no_more():
    def text(length):
        return "".join(chr(0x400 + number % 500) for number in range(length))

    assert review(text(1024)) is None
    assert review("e\u0301" + text(1023)) is None  # 1,024 characters after NFC
    for length in (1025, 10_000):
        too_long = Refused(Reason.PASSWORD_TOO_LONG, detail={"maximum": 1024})
        assert review(text(length)) == too_long


@pytest.mark.parametrize(
    "text",
    ["Alice.Wonderland", "alice.wonderland1234", "12Alice.Wonderland34", "alicewonderland!",
     "alice wonderland", "alice.wonderlandalice.wonderland", "Acme Hosting GmbH", "acmehostinggmbh1",
     "ACME-HOSTING-GMBH"],
)  # fmt: skip
def test_a_context_word_and_up_to_four_characters_is_refused(text):
    words = ["alice.wonderland", "Acme Hosting GmbH", ""]
    assert review(text, context_words=words) == Refused(Reason.PASSWORD_CONTEXT)


def test_a_context_word_and_five_characters_is_not():
    assert review("alicewonderland12x!4", context_words=["alicewonderland"]) is None
    assert review("alice-demo-password", context_words=["alice", "Twostep", "demo"]) is None
    assert review(GOOD, context_words=["cat", "", "  "]) is None


COMMON = """
password12345678 passwordpassword PassWordPassWord1 p@ssw0rdp@ssw0rd qwertyuiopasdfgh
qwertzuiopasdfgh 123456789012345 1234567890123456 aaaaaaaaaaaaaaa abcabcabcabcabc
iloveyouiloveyou iloveyou12345678 sunshinesunshine administrator123 administrator2031!
1q2w3e4r5t6y7u8i qwerty1234567890 abcdefghijklmnop zyxwvutsrqponmlk correcthorsebatterystaple
welcomewelcome1! football123456789 michaeljennifer1 1qaz2wsx3edc4rfv qazwsxedcrfvtgby
asdfghjklasdfghjkl letmeinletmein12 passwortpasswort schatzischatzi99 motdepasse123456
x7k!x7k!x7k!x7k! hvq7zhvq7zhvq7z xq0xq0xx0q0qx0q volkswagen123456
"""


@pytest.mark.parametrize("text", COMMON.split())
def test_what_everybody_takes_is_refused_at_fifteen(text):
    assert review(text) == Refused(Reason.PASSWORD_COMMON)


@pytest.mark.parametrize(
    "text",
    ["password", "Passw0rd", "P@55w0rd!", "12345678", "qwertyui", "1q2w3e4r", "iloveyou", "Summer2031!", "sommer2030", "letmein1", "trustno1", "monkey12", "dragon99!", "11111111", "12341234", "abcd1234", "asdf;lkj", "michael1", "liverpool", "qwe123asd", "admin123", "Willkommen1", "hallo123", "йцукенгш", "пароль12", "11112222", "zaq12wsx", "19841984", "1111qqqq", "poiuytrewq", "starwars4"],
)  # fmt: skip
def test_what_everybody_takes_is_refused_at_eight(text):
    assert review(text, two_step_on=True) == Refused(Reason.PASSWORD_COMMON)


@pytest.mark.parametrize(
    "text",
    [GOOD, "purple lemon stapler dances", "admin-demo-password", "tr0ub4dor&3 xylophone",
     "x7kq92mzx7kq92mz", "the first password of alice", "8d7f6g5h-zxq-0w", "monkeysunshineliverpool", "ein gutes langes Wort"],
)  # fmt: skip
def test_what_nobody_takes_is_not(text):
    assert review(text) is None


def test_each_word_is_refused_with_digits_or_a_sign_behind():
    short = [
        word for word in common_words() if not is_common(word) or not is_common(f"{word}2031!")
    ]
    assert short == []


@given(st.text(st.characters(), max_size=1100))
def test_any_password_gets_an_answer(text):
    assert isinstance(review(text, two_step_on=True, context_words=["alice"]), Refused | None)


@pytest.mark.parametrize("length", [72, 1024, 10_000])
@pytest.mark.parametrize(
    "unit", ["passwordmonkey", "1234567890", "lovelove1", "a1", "e\u0315\u0327"]
)
def test_monsters_get_an_answer(unit, length):
    assert isinstance(review((unit * length)[: length - 1] + "ñ", two_step_on=True), Refused | None)
