"""A test for each arrow of the breaker's diagram, and the properties that hold on every path."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twostep.core.messages.breaker import (
    FAILURES,
    OPEN_SECONDS,
    WINDOW_SECONDS,
    Breaker,
    fail,
    is_open,
    succeed,
    try_sending,
)


NOW = 1_800_000_000


def failed(times: int, *, at: int = NOW, breaker: Breaker | None = None) -> Breaker:
    breaker = breaker or Breaker()
    for _ in range(times):
        breaker = fail(breaker, now=at)
    return breaker


def test_fewer_than_five_failures_leave_it_closed() -> None:
    breaker = failed(FAILURES - 1)
    assert not is_open(breaker, now=NOW)
    assert try_sending(breaker, now=NOW) == breaker


def test_the_fifth_within_a_minute_opens_it() -> None:
    breaker = failed(FAILURES)
    assert is_open(breaker, now=NOW + OPEN_SECONDS - 1)
    assert try_sending(breaker, now=NOW + OPEN_SECONDS - 1) is None


def test_failures_further_apart_do_not_add_up() -> None:
    breaker = failed(FAILURES - 1)
    assert not is_open(fail(breaker, now=NOW + WINDOW_SECONDS), now=NOW + WINDOW_SECONDS)


def test_a_success_forgets_failures() -> None:
    assert not is_open(failed(FAILURES - 1, breaker=succeed(failed(4))), now=NOW)


def test_after_a_minute_one_message_probes_and_the_others_pass_by() -> None:
    later = NOW + OPEN_SECONDS
    probing = try_sending(failed(FAILURES), now=later)
    assert probing is not None
    assert not is_open(probing, now=later)
    assert try_sending(probing, now=later) is None


def test_a_probe_that_works_closes_it() -> None:
    probing = try_sending(failed(FAILURES), now=NOW + OPEN_SECONDS)
    assert probing is not None
    assert succeed(probing) == Breaker()


def test_a_probe_that_fails_opens_it_for_another_minute() -> None:
    later = NOW + OPEN_SECONDS
    probing = try_sending(failed(FAILURES), now=later)
    assert probing is not None
    again = fail(probing, now=later)
    assert is_open(again, now=later + OPEN_SECONDS - 1)
    assert not is_open(again, now=later + OPEN_SECONDS)


def test_a_probe_that_was_lost_is_followed_by_another() -> None:
    probing = try_sending(failed(FAILURES), now=NOW + OPEN_SECONDS)
    assert probing is not None
    assert try_sending(probing, now=NOW + 2 * OPEN_SECONDS - 1) is None
    assert try_sending(probing, now=NOW + 2 * OPEN_SECONDS) is not None


def test_a_clock_that_ran_ahead_keeps_nobody_out() -> None:
    ahead = failed(FAILURES, at=NOW + 10_000)
    assert not is_open(ahead, now=NOW)
    assert try_sending(ahead, now=NOW) is not None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=60))
def test_it_is_never_open_for_longer_than_a_minute_after_the_last_failure(
    steps: list[tuple[bool, int]],
) -> None:
    breaker, now = Breaker(), NOW
    for works, seconds in steps:
        now += seconds
        if (let_through := try_sending(breaker, now=now)) is not None:
            breaker = succeed(let_through) if works else fail(let_through, now=now)
        assert not is_open(breaker, now=now + OPEN_SECONDS)
