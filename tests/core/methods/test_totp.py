"""RFC vectors of the app codes, and what must hold whatever the clock and the phone do."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twostep.core.methods import totp
from twostep.core.methods.totp import Window
from twostep.core.refusal import Reason, Refused


SECRET = b"12345678901234567890"
SEEDS = {
    "SHA1": SECRET,
    "SHA256": b"12345678901234567890123456789012",
    "SHA512": b"1234567890123456789012345678901234567890123456789012345678901234",
}
NOW = 1_800_000_010
STEP = NOW // 30

clocks = st.integers(min_value=3600, max_value=2**40)


STRICT = Window(tolerance_steps=0)


def verify(code, *, now=NOW, last_step=totp.NEVER_USED, **others):
    return totp.verify(SECRET, code, now=now, last_step=last_step, **others)


def accepted_offsets(**others):
    """Which of the steps near now are accepted."""
    return [
        offset
        for offset in range(-5, 6)
        if isinstance(verify(totp.at(SECRET, STEP + offset), **others), totp.MatchedStep)
    ]


@pytest.mark.row("OTP-01")
@pytest.mark.parametrize(
    ("counter", "code"),
    [
        (0, "755224"),
        (1, "287082"),
        (2, "359152"),
        (3, "969429"),
        (4, "338314"),
        (5, "254676"),
        (6, "287922"),
        (7, "162583"),
        (8, "399871"),
        (9, "520489"),
    ],
)
def test_rfc_4226_appendix_d(counter, code):
    assert totp.at(SECRET, counter) == code


@pytest.mark.row("OTP-02")
@pytest.mark.parametrize(
    ("now", "algorithm", "code"),
    [
        (59, "SHA1", "94287082"),
        (59, "SHA256", "46119246"),
        (59, "SHA512", "90693936"),
        (1111111109, "SHA1", "07081804"),
        (1111111109, "SHA256", "68084774"),
        (1111111109, "SHA512", "25091201"),
        (1111111111, "SHA1", "14050471"),
        (1111111111, "SHA256", "67062674"),
        (1111111111, "SHA512", "99943326"),
        (1234567890, "SHA1", "89005924"),
        (1234567890, "SHA256", "91819424"),
        (1234567890, "SHA512", "93441116"),
        (2000000000, "SHA1", "69279037"),
        (2000000000, "SHA256", "90698825"),
        (2000000000, "SHA512", "38618901"),
        (20000000000, "SHA1", "65353130"),
        (20000000000, "SHA256", "77737706"),
        (20000000000, "SHA512", "47863826"),
    ],
)
def test_rfc_6238_appendix_b(now, algorithm, code):
    secret = SEEDS[algorithm]
    assert totp.at(secret, now // 30, algorithm=algorithm, digits=8) == code
    parameters = totp.Parameters(algorithm=algorithm, digits=8)
    got = totp.verify(
        secret, code, now=now, last_step=totp.NEVER_USED, window=STRICT, parameters=parameters
    )
    assert got == totp.MatchedStep(step=now // 30, offset=0)


@pytest.mark.skipif(shutil.which("oathtool") is None, reason="oathtool is not installed")
@pytest.mark.parametrize(
    ("algorithm", "digits", "period"),
    [
        ("SHA1", 6, 30),
        ("SHA256", 8, 60),
        ("SHA512", 7, 30),
    ],
)
def test_oathtool_shows_the_same_code(algorithm, digits, period):
    secret = totp.new_secret()
    shown = subprocess.run(
        ["oathtool", f"--totp={algorithm}", f"--digits={digits}", f"--time-step-size={period}s",
         f"--now=@{NOW}", "-"],
        input=secret.hex(), capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    assert shown == totp.at(secret, NOW // period, algorithm=algorithm, digits=digits)


@pytest.mark.row("IOP-03")
def test_a_secret_has_160_bits_and_comes_once():
    secrets = {totp.new_secret() for _ in range(200)}
    assert len(secrets) == 200
    assert {len(secret) for secret in secrets} == {20}


def test_three_steps_are_accepted_around_the_centre():
    assert accepted_offsets() == [-1, 0, 1]
    assert accepted_offsets(window=Window(-1)) == [-2, -1, 0]
    assert accepted_offsets(window=Window(1)) == [0, 1, 2]


def test_the_strict_profile_accepts_now_alone_whatever_was_learned():
    assert accepted_offsets(window=STRICT) == [0]
    assert accepted_offsets(window=Window(-1, tolerance_steps=0)) == [0]


def test_a_code_that_two_neighbouring_steps_share_works_once():
    first = 62_075_368
    code = totp.at(SECRET, first)
    assert code == totp.at(SECRET, first + 1) == "235522"
    got = verify(code, now=first * 30)
    assert got == totp.MatchedStep(step=first + 1, offset=1)
    again = verify(code, now=(first + 1) * 30, last_step=got.step)
    assert isinstance(again, Refused)


def test_after_a_step_an_earlier_unused_code_is_refused():
    got = verify(totp.at(SECRET, STEP - 1), last_step=STEP)
    assert isinstance(got, Refused)
    assert got.reason is Reason.CODE_USED


@pytest.mark.parametrize(
    ("typed_offset", "last_offset", "centre", "seconds"),
    [
        (0, 0, 0, 20),  # NOW is 10 s into its step
        (1, 1, 0, 20),  # the phone is ahead, its next code comes with our next step
        (-1, -1, 0, 20),  # a slow phone or a slow hand: the next change helps both
        (-1, -1, -1, 20),  # a phone known to be slow
        (0, 1, 0, 50),  # a later code was used already
    ],
)
def test_a_used_code_says_when_the_next_one_comes(typed_offset, last_offset, centre, seconds):
    got = verify(
        totp.at(SECRET, STEP + typed_offset), last_step=STEP + last_offset, window=Window(centre)
    )
    assert got == Refused(Reason.CODE_USED, detail={"next_in_seconds": seconds})


@given(
    now=clocks,
    drift=st.integers(-1, 1),
    centre=st.integers(-1, 1),
    burnt=st.integers(0, 2),
)
def test_the_next_code_is_accepted_after_the_wait_that_was_named(now, drift, centre, burnt):
    """The phone is `centre + drift` steps off; something up to `burnt` steps later was used."""
    current = now // 30
    shown = current + centre + drift
    last_step = min(shown + burnt, current + centre + 1)
    got = verify(totp.at(SECRET, shown), now=now, last_step=last_step, window=Window(centre))
    assert isinstance(got, Refused)
    assert got.reason is Reason.CODE_USED
    later = now + int(got.detail["next_in_seconds"])
    code = totp.at(SECRET, later // 30 + centre + drift)
    after = verify(code, now=later, last_step=last_step, window=Window(centre))
    if drift >= 0 or burnt == 0:  # a slow phone cannot know what another one used meanwhile
        assert isinstance(after, totp.MatchedStep)
    assert 0 < int(got.detail["next_in_seconds"]) <= 90


@given(now=clocks, sooner=st.integers(0, 3), wrong_code=st.booleans())
def test_our_clock_moved_back_is_said_whatever_was_typed(now, sooner, wrong_code):
    current = now // 30
    code = "000000" if wrong_code else totp.at(SECRET, current)
    far = verify(code, now=now, last_step=current + 4 + sooner)
    assert far == Refused(Reason.CLOCK_MOVED_BACK)
    near = verify(code, now=now, last_step=current + 3)
    assert isinstance(near, Refused)
    assert near.reason is not Reason.CLOCK_MOVED_BACK


@given(
    start=clocks,
    tries=st.lists(st.tuples(st.integers(-40, 70), st.integers(-4, 4)), max_size=30),
    tolerance=st.integers(0, 1),
)
def test_no_code_is_accepted_twice_whatever_the_order(start, tries, tolerance):
    """Time may jump either way between tries; each step that is accepted is later than the last."""
    now, last_step, centre, run = start, totp.NEVER_USED, 0, 0
    accepted: list[int] = []
    for seconds, offset in tries:
        now += seconds
        code = totp.at(SECRET, now // 30 + offset)
        got = verify(code, now=now, last_step=last_step, window=Window(centre, tolerance))
        if isinstance(got, totp.MatchedStep):
            assert totp.at(SECRET, got.step) == code
            assert got.offset == got.step - now // 30
            accepted.append(got.step)
            last_step = got.step
            centre, run = totp.learn_centre(centre, run, got.offset)
    assert accepted == sorted(set(accepted))


@given(code=st.text(st.characters(), max_size=12), now=clocks)
def test_any_text_is_harmless(code, now):
    assert isinstance(verify(code, now=now), totp.MatchedStep | Refused)
    offset = totp.find_offset(SECRET, code, now=now, within_steps=2)
    assert offset is None or -2 <= offset <= 2


def test_a_code_of_other_digits_or_with_a_space_is_wrong():
    right = totp.at(SECRET, STEP)
    for code in ("", right[:5], right + "0", f" {right}", "\ud800" * 6, "٣" * 6):
        assert verify(code) == Refused(Reason.CODE_WRONG)


def test_two_successes_at_the_same_edge_move_the_centre_once():
    centre, run = totp.learn_centre(0, 0, -1)
    assert (centre, run) == (0, -1)
    assert totp.learn_centre(centre, run, -1) == (-1, 0)


@pytest.mark.parametrize("between", [0, 1])
def test_another_success_in_between_forgets_the_edge(between):
    centre, run = totp.learn_centre(0, 0, -1)
    centre, run = totp.learn_centre(centre, run, between)
    assert (centre, run) == (0, between)
    assert totp.learn_centre(centre, run, -1) == (0, -1)


def test_a_phone_that_is_right_again_moves_the_centre_back():
    centre, run = totp.learn_centre(-1, 0, 0)
    assert totp.learn_centre(centre, run, 0) == (0, 0)


@given(st.lists(st.integers(-1, 1), max_size=60))
def test_the_centre_never_leaves_one_step(drifts):
    centre, run = 0, 0
    for drift in drifts:
        before = centre
        centre, run = totp.learn_centre(centre, run, centre + drift)
        assert -1 <= centre <= 1
        assert abs(centre - before) <= 1
        assert run in {-1, 0, 1}


@given(now=clocks, steps=st.integers(-40, 40))
def test_the_clock_search_finds_how_far_a_phone_is_off(now, steps):
    code = totp.at(SECRET, now // 30 + steps)
    offset = totp.find_offset(SECRET, code, now=now)
    assert offset is not None
    assert totp.at(SECRET, now // 30 + offset) == code
    assert abs(offset) <= abs(steps)


def test_of_two_clocks_that_fit_the_nearer_one_is_named():
    far, near, now = 60_063_293, 60_063_341, 60_063_325
    assert totp.at(SECRET, far) == totp.at(SECRET, near)
    assert totp.find_offset(SECRET, totp.at(SECRET, far), now=now * 30) == near - now


def test_the_clock_search_ends_at_forty_steps():
    assert totp.find_offset(SECRET, totp.at(SECRET, STEP + 41), now=NOW) is None
    assert totp.find_offset(SECRET, totp.at(SECRET, STEP - 8), now=NOW) == -8


@pytest.mark.parametrize(
    "odd", [{"algorithm": "MD5"}, {"digits": 5}, {"digits": 9}, {"period_seconds": 0}]
)
def test_parameters_no_token_has_are_refused(odd):
    with pytest.raises(ValueError, match=next(iter(odd))):
        totp.Parameters(**odd)
