r"""A provider's circuit breaker: one that keeps failing is left alone for a while.

    closed ──failure──▶ closed          fewer than five in the last minute
    closed ──failure──▶ open            the fifth: skipped for a minute
    closed ──success──▶ closed          its failures are forgotten
    open ──(a minute)──▶ probing        one message may try; the others still pass it by
    probing ──success──▶ closed
    probing ──failure──▶ open           for another minute
    probing ──(a minute)──▶ probing     the probe was lost, with its process perhaps: another may try

A wait that is longer than a minute was written by a clock that ran ahead, and counts as over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


FAILURES = 5
WINDOW_SECONDS = 60
OPEN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Breaker:
    """One provider's. Instants are Unix seconds; `open_until` 0: closed.

    `failed_at`: failures of the last minute, oldest first. `probe_at`: when the probe left, 0: none.
    """

    failed_at: tuple[int, ...] = ()
    open_until: int = 0
    probe_at: int = 0


def is_open(breaker: Breaker, *, now: int) -> bool:
    """Whether messages pass this provider by; a probe may still go."""
    return 0 < breaker.open_until - now <= OPEN_SECONDS


def try_sending(breaker: Breaker, *, now: int) -> Breaker | None:
    """The breaker after a message was let through; None: this message must not be sent here."""
    if breaker.open_until == 0:
        return breaker
    if is_open(breaker, now=now):
        return None
    if breaker.probe_at and 0 <= now - breaker.probe_at < OPEN_SECONDS:
        return None
    return replace(breaker, probe_at=now)


def succeed(_breaker: Breaker) -> Breaker:
    """The breaker after the provider answered as it should, be it with a refusal."""
    return Breaker()


def fail(breaker: Breaker, *, now: int) -> Breaker:
    """The breaker after the provider could not be reached, broke or turned us away."""
    if breaker.open_until:
        return Breaker(open_until=now + OPEN_SECONDS)
    recent = (*(at for at in breaker.failed_at if 0 <= now - at < WINDOW_SECONDS), now)
    if len(recent) >= FAILURES:
        return Breaker(open_until=now + OPEN_SECONDS)
    return Breaker(failed_at=recent)
