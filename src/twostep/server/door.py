"""Who may stay connected, and for how long: being slow does not hold a place.

    new ──▶ head ──(headers whole)──▶ body ──(request whole)──▶ busy ──(answered)──▶ idle ──▶ head …
              └──▶ closed               └──▶ closed               │                    └──▶ closed
                                          linger ◀──(answered before its body was whole)
                                          stalled ◀──(nobody takes the answer)──▶ closed

Every state but `busy` has a time limit. Requests pay nothing for it: twice a second the door checks
what each connection is waiting for, and since when. When all places are taken, the connections that
have kept us waiting longest are closed, so a thousand silent ones cannot keep anybody out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


LARGEST_HEAD = 32 * 1024  # bytes; request line and headers
LARGEST_REST = (
    1024 * 1024
)  # bytes after the headers; a page that takes a body answers 413 long before
MOST_PIPELINED = 16
LINGER_SECONDS = 2  # for reading and discarding the rest of a body
GRACE_SECONDS = (
    5  # the application answers 408 at `body_seconds`; this covers the case when it cannot
)
CLOSE_SECONDS = 5  # for the client to read the last answer
DROPPED_AT_ONCE = 20  # one in twenty at a time, because finding them means checking all


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of connections. `connections`: open at once; times in seconds.

    `body_seconds`: for a form to arrive, and for the client to read at least part of an answer.
    """

    connections: int = 2000
    header_seconds: int = 10
    body_seconds: int = 30
    keep_alive_seconds: int = 15


class Phase(StrEnum):
    """What the door is waiting for."""

    HEAD = "head"
    BODY = "body"
    BUSY = "busy"
    IDLE = "idle"
    LINGER = "linger"
    STALLED = "stalled"
    CLOSING = "closing"


class Guest(Protocol):
    """A connection, as the door sees it."""

    def waiting_for(self) -> tuple[Phase, object]:
        """The phase, and an object that is a new one for every new wait."""

    def end(self, phase: Phase) -> None:
        """Close it because its time is up."""

    def drop(self) -> None:
        """Close it without an answer."""


@dataclass(slots=True)
class _Wait:
    """What a connection is waiting for, and since when (by the event loop's clock)."""

    phase: Phase
    what: object
    since: float


class Door:
    """Every open connection of one listener.

    `tally`: `open` is the current number; the others count up: `slow_…` by phase, `dropped` to make
    room, `turned_away` when full, `too_much` data at once, and `no_http`.
    """

    def __init__(self, limits: ConnectionLimits, tally: Counter[str]) -> None:
        self.limits = limits
        self.tally = tally
        self._waits: dict[Guest, _Wait] = {}
        self._seconds = {
            Phase.HEAD: limits.header_seconds,
            Phase.BODY: limits.body_seconds + GRACE_SECONDS,
            Phase.IDLE: limits.keep_alive_seconds + 1,  # uvicorn's own timer fires first
            Phase.LINGER: LINGER_SECONDS,
            Phase.STALLED: limits.body_seconds,
            Phase.CLOSING: CLOSE_SECONDS,
        }

    def enter(self, guest: Guest, *, now: float) -> bool:
        """Let a new connection in, closing others if needed. False: there is no room."""
        is_full = len(self._waits) >= self.limits.connections and not self._make_room(now=now)
        if is_full:
            self.tally["turned_away"] += 1
        phase, what = guest.waiting_for()
        self._waits[guest] = _Wait(phase, what, now)
        self.tally["open"] = len(self._waits)
        return not is_full

    def leave(self, guest: Guest) -> None:
        """Forget a closed connection."""
        self._waits.pop(guest, None)
        self.tally["open"] = len(self._waits)

    def sweep(self, *, now: float) -> None:
        """End every wait that has gone on too long."""
        self._update_waits(now=now)
        for guest, wait in list(self._waits.items()):
            if wait.phase is Phase.BUSY or now - wait.since < self._seconds[wait.phase]:
                continue
            if wait.phase is not Phase.IDLE:
                self.tally[f"slow_{wait.phase}"] += 1
            guest.end(wait.phase)

    def _make_room(self, *, now: float) -> bool:
        """Close the connections that have been silent longest. False: none is silent."""
        self._update_waits(now=now)
        silent = [guest for guest, wait in self._waits.items() if wait.phase is not Phase.BUSY]
        silent.sort(key=lambda guest: self._waits[guest].since)
        chosen = silent[: max(1, self.limits.connections // DROPPED_AT_ONCE)]
        for guest in chosen:
            self.tally["dropped"] += 1
            guest.drop()
            self.leave(guest)
        return chosen != []

    def _update_waits(self, *, now: float) -> None:
        for guest, wait in self._waits.items():
            phase, what = guest.waiting_for()
            if phase is not wait.phase or what is not wait.what:
                wait.phase, wait.what, wait.since = phase, what, now
