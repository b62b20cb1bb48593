"""Codes of authenticator apps and hardware tokens (RFC 6238, which is RFC 4226 counted in time).

Every function is pure: the caller passes the clock, the last accepted step and what was learned
about the phone's clock, and stores what comes back. Storing the step is one compare-and-set; its
row count, not this module, decides between two requests that bring the same code.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Literal, NamedTuple

from twostep.core.refusal import Reason, Refused


Algorithm = Literal["SHA1", "SHA256", "SHA512"]

SECRET_BYTES = 20
NEVER_USED = -1
"""`last_step` of an authenticator that has not accepted a code yet."""
FURTHEST_CENTRE = 1
CLOCK_MOVED_BACK_STEPS = 3


@dataclass(frozen=True, slots=True)
class Parameters:
    """How an authenticator counts; stored beside its secret.

    Apps always get the defaults (security.md: others are silently ignored by common apps);
    hardware tokens bought elsewhere have their own. ValueError for values that no token uses.
    """

    algorithm: Algorithm = "SHA1"
    digits: int = 6
    period_seconds: int = 30

    def __post_init__(self) -> None:
        if self.algorithm not in {"SHA1", "SHA256", "SHA512"}:
            raise ValueError(f"algorithm must be SHA1, SHA256 or SHA512, not {self.algorithm!r}")
        if not 6 <= self.digits <= 8:
            raise ValueError(f"digits must be 6 to 8, not {self.digits}")
        if not 1 <= self.period_seconds <= 300:
            raise ValueError(f"period_seconds must be 1 to 300, not {self.period_seconds}")


DEFAULT = Parameters()


@dataclass(frozen=True, slots=True)
class Window:
    """Which steps around now count: `tolerance_steps` to either side of the learned `centre`.

    `tolerance_steps=0` is the strict profile: the current step alone, whatever was learned.
    """

    centre: int = 0
    tolerance_steps: int = 1


DEFAULT_WINDOW = Window()


class Drift(NamedTuple):
    """What was learned of an app's clock: see `learn_centre`."""

    centre: int
    edge_run: int


@dataclass(frozen=True, slots=True)
class MatchedStep:
    """A correct code. `step` is to be burnt, `offset` (steps from now, slow: negative) to be learnt."""

    step: int
    offset: int


def new_secret() -> bytes:
    """Return 160 random bits (RFC 4226 §4 R6)."""
    return secrets.token_bytes(SECRET_BYTES)


def at(secret: bytes, step: int, *, algorithm: Algorithm = "SHA1", digits: int = 6) -> str:
    """Return the zero-padded code of `step`, 0 or more (RFC 4226 §5.3, RFC 6238 §4.2).

    With a counter in place of the step this is HOTP.
    """
    digest = hmac.digest(secret, step.to_bytes(8, "big"), algorithm)
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}}"


def verify(
    secret: bytes,
    code: str,
    *,
    now: int,
    last_step: int,
    window: Window = DEFAULT_WINDOW,
    parameters: Parameters = DEFAULT,
) -> MatchedStep | Refused:
    """Verify `code` at `now` (Unix seconds) against the steps of the window.

    `last_step` is the last accepted one (`NEVER_USED` at first); only a later one is accepted
    (RFC 6238 §5.2, ASVS 6.5.1). Refused: `CODE_WRONG`; `CODE_USED` (correct, but not later than the
    last accepted one) with `next_in_seconds` until the phone shows a code that can be accepted;
    `CLOCK_MOVED_BACK` whatever was typed, because then no code can be right.
    """
    current = now // parameters.period_seconds
    drift = window.centre if window.tolerance_steps else 0
    steps = _around(current + drift, window.tolerance_steps)
    matches = _matching(secret, code, steps=steps, parameters=parameters)
    if last_step > current + CLOCK_MOVED_BACK_STEPS:
        return Refused(Reason.CLOCK_MOVED_BACK)
    if not matches:
        return Refused(Reason.CODE_WRONG)
    # The latest match, so that a code which two neighbouring steps share works only once.
    step = matches[-1]
    if step > last_step:
        return MatchedStep(step=step, offset=step - current)
    # A phone that shows `step` already is at least that far ahead.
    drift = max(drift, step - current)
    next_step = max(last_step, current + drift) + 1
    seconds = (next_step - drift) * parameters.period_seconds - now
    return Refused(Reason.CODE_USED, detail={"next_in_seconds": seconds})


def learn_centre(centre: int, edge_run: int, offset: int) -> Drift:
    """Return the new centre and edge run after an accepted code at `offset` from now.

    `edge_run` is 0, or -1 or +1 after one success at the early or late edge of the window. The
    second success in a row at the same edge moves the centre by one step towards it, never further
    than one step from now (RFC 6238 §6), so that a code stays good for three steps and no more.
    Not to be called under the strict profile, which learns nothing.
    """
    edge = max(-1, min(1, offset - centre))
    if edge == 0 or edge != edge_run:
        return Drift(centre, edge)
    return Drift(max(-FURTHEST_CENTRE, min(FURTHEST_CENTRE, centre + edge)), 0)


def find_offset(
    secret: bytes,
    code: str,
    *,
    now: int,
    within_steps: int = 40,
    parameters: Parameters = DEFAULT,
) -> int | None:
    """Return how many steps the phone's clock is off (slow is negative), or None.

    Only for the message at set-up, when the secret was just shown to the same session; never to
    accept a code. If several steps match, the nearest wins.
    """
    current = now // parameters.period_seconds
    steps = _around(current, within_steps)
    matches = _matching(secret, code, steps=steps, parameters=parameters)
    return min((step - current for step in matches), key=abs, default=None)


def _around(middle: int, tolerance_steps: int) -> range:
    return range(max(0, middle - tolerance_steps), middle + tolerance_steps + 1)


def _matching(secret: bytes, code: str, *, steps: range, parameters: Parameters) -> list[int]:
    """Return the steps that show `code`; all are computed, so the time taken reveals nothing."""
    typed = code.encode(errors="replace")
    matches = []
    for step in steps:
        expected = at(secret, step, algorithm=parameters.algorithm, digits=parameters.digits)
        if hmac.compare_digest(expected.encode(), typed):
            matches.append(step)
    return matches
