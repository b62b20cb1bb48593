r"""A provider's circuit breaker: a provider that keeps failing is skipped for a while.

    closed ──failure──▶ closed          fewer than five failures in the last minute
    closed ──failure──▶ open            the fifth failure: skipped for a minute
    closed ──success──▶ closed          failures are forgotten
    open ──(a minute)──▶ probing        one message may try; others still skip it
    probing ──success──▶ closed
    probing ──failure──▶ open           for another minute
    probing ──(a minute)──▶ probing     the probe was lost, perhaps with its process: another goes

A wait longer than a minute was written by a clock that ran ahead, and counts as over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


FAILURES = 5
WINDOW_SECONDS = 60
OPEN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state for one provider. Times are Unix seconds. `open_until`: 0 means closed.

    `failed_at`: failures of the last minute, oldest first. `probe_at`: when the probe was sent, or
    0.
    """

    failed_at: tuple[int, ...] = ()
    open_until: int = 0
    probe_at: int = 0


def is_open(breaker: Breaker, *, now: int) -> bool:
    """Whether messages skip this provider, apart from a probe."""
    return 0 < breaker.open_until - now <= OPEN_SECONDS


def try_sending(breaker: Breaker, *, now: int) -> Breaker | None:
    """Return the breaker after letting a message through, or None if it must not be sent here."""
    if breaker.open_until == 0:
        return breaker
    if is_open(breaker, now=now):
        return None
    if breaker.probe_at and 0 <= now - breaker.probe_at < OPEN_SECONDS:
        return None
    return replace(breaker, probe_at=now)


def succeed(_breaker: Breaker) -> Breaker:
    """Return the breaker after the provider gave a proper answer, even if it was a refusal."""
    return Breaker()


def fail(breaker: Breaker, *, now: int) -> Breaker:
    """Return the breaker after the provider was unreachable, failed or turned us away."""
    if breaker.open_until:
        return Breaker(open_until=now + OPEN_SECONDS)
    recent = (*(at for at in breaker.failed_at if 0 <= now - at < WINDOW_SECONDS), now)
    if len(recent) >= FAILURES:
        return Breaker(open_until=now + OPEN_SECONDS)
    return Breaker(failed_at=recent)
