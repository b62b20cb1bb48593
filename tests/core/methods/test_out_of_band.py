"""When a code may be sent again, which code it is, and what became of the message."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twostep.core.methods.out_of_band import (
    Attempt,
    MaySend,
    New,
    Purpose,
    Reuse,
    Sending,
    SendState,
    SentCode,
    may_send,
    merge_state,
    new_call_key,
    new_code,
    reuse_or_new,
)
from twostep.core.refusal import Reason, Refused


NOW = 1_800_000_000
QUEUED, ACCEPTED, DELIVERED, FAILED = SendState


def attempt(*sends, ends_in=600):
    return Attempt(
        ends_at=NOW + ends_in, sends=tuple(Sending(NOW - ago, state) for ago, state in sends)
    )


def test_codes_are_six_digits_and_keep_leading_zeros():
    codes = [new_code() for _ in range(3000)]
    assert all(len(code) == 6 and code.isdecimal() and code.isascii() for code in codes)
    assert any(code.startswith("0") for code in codes)
    assert len(set(codes)) > 2900


def test_call_keys_are_two_to_eight():
    assert set(Counter(new_call_key() for _ in range(2000))) == set("2345678")


@pytest.mark.parametrize(("sent", "wait"), [(1, 30), (2, 60), (3, 120)])
def test_each_send_doubles_the_wait(sent, wait):
    def sends(ago):
        return [(500, ACCEPTED)] * (sent - 1) + [(ago, ACCEPTED)]

    assert may_send(attempt(*sends(wait - 1)), now=NOW) == Refused(
        Reason.SEND_TOO_SOON, retry_at=NOW + 1
    )
    assert isinstance(may_send(attempt(*sends(wait)), now=NOW), MaySend)


def test_the_first_send_says_when_the_next_may_be():
    assert may_send(attempt(), now=NOW) == MaySend(next_at=NOW + 30)


def test_the_fourth_send_is_the_last():
    fourth = may_send(attempt(*[(300, DELIVERED)] * 3), now=NOW)
    assert fourth == MaySend(next_at=None)
    fifth = attempt(*[(300, DELIVERED)] * 4, ends_in=240)
    assert may_send(fifth, now=NOW) == Refused(Reason.SEND_LIMIT, retry_at=NOW + 240)


def test_a_failed_send_starts_no_wait_but_counts():
    assert may_send(attempt((1, FAILED)), now=NOW) == MaySend(next_at=NOW + 30)
    assert isinstance(may_send(attempt(*[(1, FAILED)] * 4), now=NOW), Refused)
    after_both = may_send(attempt((20, ACCEPTED), (1, FAILED)), now=NOW)
    assert after_both == Refused(Reason.SEND_TOO_SOON, retry_at=NOW + 10)


def test_nothing_is_sent_in_the_last_three_minutes():
    ending = may_send(attempt(ends_in=179), now=NOW)
    assert ending == Refused(Reason.STEP_ENDING, retry_at=NOW + 179, detail={"minutes": 3})
    assert isinstance(may_send(attempt(ends_in=180), now=NOW), MaySend)
    assert may_send(attempt(ends_in=0), now=NOW) == Refused(Reason.STEP_ENDED)


def choose(outstanding, *, authenticator_id="phone", purpose=Purpose.SIGN_IN, ends_in=600):
    return reuse_or_new(
        outstanding,
        authenticator_id=authenticator_id,
        purpose=purpose,
        step_ends_at=NOW + ends_in,
        now=NOW,
    )


def sent(*, left=180, tries=1):
    return SentCode("phone", Purpose.SIGN_IN, expires_at=NOW + left, tries_left=tries)


def test_the_same_code_goes_out_while_three_minutes_and_a_try_remain():
    assert choose(sent()) == Reuse(expires_at=NOW + 180)
    for other in (
        choose(None),
        choose(sent(left=179)),
        choose(sent(tries=0)),
        choose(sent(), authenticator_id="other phone"),
        choose(sent(), purpose=Purpose.STEP_UP),
    ):
        assert other == New(expires_at=NOW + 600, tries_left=5)


def test_a_code_never_outlives_its_step():
    assert choose(None, ends_in=200) == New(expires_at=NOW + 200)


@pytest.mark.parametrize(
    ("old", "new", "merged"),
    [
        (QUEUED, ACCEPTED, ACCEPTED),
        (QUEUED, DELIVERED, DELIVERED),
        (QUEUED, FAILED, FAILED),
        (ACCEPTED, QUEUED, ACCEPTED),
        (ACCEPTED, DELIVERED, DELIVERED),
        (ACCEPTED, FAILED, FAILED),
        (FAILED, QUEUED, FAILED),
        (FAILED, ACCEPTED, ACCEPTED),
        (FAILED, DELIVERED, DELIVERED),
        (DELIVERED, QUEUED, DELIVERED),
        (DELIVERED, ACCEPTED, DELIVERED),
        (DELIVERED, FAILED, DELIVERED),
    ],
)
def test_each_arrow_of_the_diagram(old, new, merged):
    assert merge_state(old, new) is merged


def test_a_failure_from_the_network_is_raised_by_delivery_alone():
    assert merge_state(FAILED, ACCEPTED, settled=True) is FAILED
    assert merge_state(FAILED, DELIVERED, settled=True) is DELIVERED


@given(st.lists(st.sampled_from(list(SendState))))
def test_once_delivered_always_delivered(reports):
    state = QUEUED
    for report in reports:
        state = merge_state(state, report)
    assert (state is DELIVERED) == (DELIVERED in reports)
