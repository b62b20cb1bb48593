"""Backup codes: forgiving to read, one hash a try, each good once."""

from __future__ import annotations

import math
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twostep.core.methods import recovery_codes
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.password import PROFILES, Profile


PROFILE = PROFILES["test"]
codes = st.text(alphabet=recovery_codes.ALPHABET, min_size=15, max_size=15)


@pytest.mark.row("BKP-01")
def test_a_set_has_ten_different_codes_of_75_bits():
    made = recovery_codes.new_codes()
    assert len(set(made)) == len(made) == 10
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{15}", code) for code in made)
    assert 15 * math.log2(len(set(recovery_codes.ALPHABET))) == 75
    assert not set(made) & set(recovery_codes.new_codes())


def test_a_code_is_shown_in_groups():
    assert recovery_codes.format_code("K7QM2XPD9RTC4HW") == "K7QM2-XPD9R-TC4HW"
    assert recovery_codes.format_code("7H2K93QD") == "7H2K-93QD"


@pytest.mark.row("BKP-07")
@pytest.mark.parametrize(
    "typed",
    [
        "10K7QM2XPD9RTC1",
        "1OK7Q M2XPD 9RTCI",
        "lok7q-m2xpd-9rtcl",
        "  iOk7q–m2xpd—9rtcL\n",
        "IOK7Q\u2011M2XPD\u22129RTC1",
        "１０Ｋ７Ｑ－Ｍ２ＸＰＤ－９ＲＴＣ１",
        "١٠k٧q m٢xpd ٩rtc١",
        "\u200e10K7Q-M2XPD-9RTC1\u200f",
        "3. 10K7Q-M2XPD-9RTC1",
        "10) 10K7Q-M2XPD-9RTC1",
        "#10K7Q.M2XPD.9RTC1",
    ],
)
def test_usual_slips_are_forgiven(typed):
    assert recovery_codes.normalise(typed) == "10K7QM2XPD9RTC1"


@pytest.mark.parametrize(
    "typed",
    ["", "K7QM2-XPD9R-TC4H", "K7QM2-XPD9R-TC4HWA", "K7QM2-XPD9R-TC4HU", "K7QM2/XPD9R/TC4HW"],
)
def test_what_is_no_code_is_none(typed):
    assert recovery_codes.normalise(typed) is None


@pytest.mark.row("BKP-07")
@given(codes, st.randoms(use_true_random=False))
def test_every_code_comes_back_however_it_is_spelt(code, random):
    swaps = {"0": "0oO", "1": "1iIlL"}
    spelt = "".join(random.choice(swaps.get(mark, mark + mark.lower())) for mark in code)
    joined = "".join(mark + random.choice(["", "", " ", "-", "‐", "\u00a0"]) for mark in spelt)
    assert recovery_codes.normalise(joined) == code
    assert recovery_codes.normalise(recovery_codes.format_code(code)) == code


@given(st.text(st.characters(), max_size=60))
def test_reading_never_raises_and_gives_codes_only(typed):
    code = recovery_codes.normalise(typed)
    assert code is None or re.fullmatch(f"[{recovery_codes.ALPHABET}]{{15}}", code)


def test_a_temporary_code_has_a_letter_and_is_forgiven_too():
    for _ in range(300):
        code = recovery_codes.new_temporary_code()
        assert re.fullmatch(f"[{recovery_codes.ALPHABET}]{{8}}", code)
        assert any(unicodedata.category(mark) == "Lu" for mark in code)
        typed = recovery_codes.format_code(code).lower().replace("0", "o")
        assert recovery_codes.normalise_temporary(typed) == code
    assert recovery_codes.normalise_temporary("1234-5678") is None


@pytest.mark.row("BKP-02")
def test_a_digest_needs_the_code_the_salt_and_the_cost():
    salt, other = recovery_codes.new_salt(), recovery_codes.new_salt()
    assert len(salt) * 8 >= 32
    assert salt != other
    known = recovery_codes.digest("K7QM2XPD9RTC4HW", salt=salt, profile=PROFILE)
    dearer = Profile(name="dearer", memory_kib=16, passes=1, lanes=1)
    assert len(known) == 32
    assert known == recovery_codes.digest("K7QM2XPD9RTC4HW", salt=salt, profile=PROFILE)
    assert known != recovery_codes.digest("K7QM2XPD9RTC4HX", salt=salt, profile=PROFILE)
    assert known != recovery_codes.digest("K7QM2XPD9RTC4HW", salt=other, profile=PROFILE)
    assert known != recovery_codes.digest("K7QM2XPD9RTC4HW", salt=salt, profile=dearer)


def test_each_code_of_a_set_is_found_once_and_no_other():
    salt = recovery_codes.new_salt()
    made = recovery_codes.new_codes()
    digests = [recovery_codes.digest(code, salt=salt, profile=PROFILE) for code in made]
    stored = [(f"c{number}", digest, False) for number, digest in enumerate(digests)]
    for number, digest in enumerate(digests):
        assert recovery_codes.match(digest, stored) == recovery_codes.MatchedCode(f"c{number}")
        stored[number] = (f"c{number}", digest, True)
        assert recovery_codes.match(digest, stored) == Refused(Reason.BACKUP_CODE_USED)
    stranger = recovery_codes.digest(made[0][::-1], salt=salt, profile=PROFILE)
    assert recovery_codes.match(stranger, stored) == Refused(Reason.BACKUP_CODE_WRONG)
    assert recovery_codes.match(stranger, []) == Refused(Reason.BACKUP_CODE_WRONG)
    assert recovery_codes.match(digests[0][:16], stored) == Refused(Reason.BACKUP_CODE_WRONG)
