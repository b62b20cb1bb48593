"""Who may stay connected, and for how long: nobody keeps a place by being slow.

    new ──▶ head ──(headers whole)──▶ body ──(request whole)──▶ busy ──(answered)──▶ idle ──▶ head …
              └──▶ closed               └──▶ closed               │                    └──▶ closed
                                          linger ◀──(answered before its body was whole)
                                          stalled ◀──(nobody takes the answer)──▶ closed

Every state but `busy` has an end. A request costs nothing here: twice a second the door looks at what
each connection waits for, and since when it has been the same. Where all places are taken, those that
have owed us something for the longest go, so that a thousand silent ones keep nobody out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


LARGEST_HEAD = 32 * 1024  # bytes of request line and headers
LARGEST_REST = 1024 * 1024  # of what follows; a page that takes a body says 413 long before
MOST_PIPELINED = 16
LINGER_SECONDS = 2  # in which the rest of a body is read and dropped
GRACE_SECONDS = 5  # the application says 408 at `body_seconds`; this is for when it cannot
CLOSE_SECONDS = 5  # in which the last answer must be taken
DROPPED_AT_ONCE = 20  # one in so many, because looking for them costs a look at all


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What a connection may take. `connections`: open at once; spans in seconds.

    `body_seconds`: for a form to come, and for something of an answer to be taken.
    """

    connections: int = 2000
    header_seconds: int = 10
    body_seconds: int = 30
    keep_alive_seconds: int = 15


class Phase(StrEnum):
    """What we wait for."""

    HEAD = "head"
    BODY = "body"
    BUSY = "busy"
    IDLE = "idle"
    LINGER = "linger"
    STALLED = "stalled"
    CLOSING = "closing"


class Guest(Protocol):
    """A connection, as the door sees it."""

    def look(self) -> tuple[Phase, object]:
        """What is waited for, and an object that is another with every new wait of its kind."""

    def end(self, phase: Phase) -> None:
        """Its time is over."""

    def drop(self) -> None:
        """Close it without a word."""


@dataclass(slots=True)
class _Wait:
    """What a connection was seen waiting for, and since when (the loop's clock)."""

    phase: Phase
    what: object
    since: float


class Door:
    """Every open connection of one listener.

    `tally`: `open` now; so far `slow_…`, by phase, `dropped` for another, `turned_away` for want of a
    place, `too_much` at once and `no_http`.
    """

    def __init__(self, limits: ConnectionLimits, tally: Counter[str]) -> None:
        self.limits = limits
        self.tally = tally
        self._waits: dict[Guest, _Wait] = {}
        self._seconds = {
            Phase.HEAD: limits.header_seconds,
            Phase.BODY: limits.body_seconds + GRACE_SECONDS,
            Phase.IDLE: limits.keep_alive_seconds + 1,  # uvicorn's own timer comes first
            Phase.LINGER: LINGER_SECONDS,
            Phase.STALLED: limits.body_seconds,
            Phase.CLOSING: CLOSE_SECONDS,
        }

    def enter(self, guest: Guest, *, now: float) -> bool:
        """Let a new connection in, where needed in place of others; False: there is no place."""
        is_full = len(self._waits) >= self.limits.connections and not self._make_room(now=now)
        if is_full:
            self.tally["turned_away"] += 1
        phase, what = guest.look()
        self._waits[guest] = _Wait(phase, what, now)
        self.tally["open"] = len(self._waits)
        return not is_full

    def leave(self, guest: Guest) -> None:
        """It is closed."""
        self._waits.pop(guest, None)
        self.tally["open"] = len(self._waits)

    def sweep(self, *, now: float) -> None:
        """End every wait that has been too long."""
        self._look(now=now)
        for guest, wait in list(self._waits.items()):
            if wait.phase is Phase.BUSY or now - wait.since < self._seconds[wait.phase]:
                continue
            if wait.phase is not Phase.IDLE:
                self.tally[f"slow_{wait.phase}"] += 1
            guest.end(wait.phase)

    def _make_room(self, *, now: float) -> bool:
        """Close those that have been silent for the longest; False: nobody is."""
        self._look(now=now)
        silent = [guest for guest, wait in self._waits.items() if wait.phase is not Phase.BUSY]
        silent.sort(key=lambda guest: self._waits[guest].since)
        chosen = silent[: max(1, self.limits.connections // DROPPED_AT_ONCE)]
        for guest in chosen:
            self.tally["dropped"] += 1
            guest.drop()
            self.leave(guest)
        return chosen != []

    def _look(self, *, now: float) -> None:
        for guest, wait in self._waits.items():
            phase, what = guest.look()
            if phase is not wait.phase or what is not wait.what:
                wait.phase, wait.what, wait.since = phase, what, now
