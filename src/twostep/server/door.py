"""Who may stay connected, and for how long: nobody keeps a place by being slow.

    new ──▶ head ──(headers whole)──▶ body ──(request whole)──▶ busy ──(answered)──▶ idle ──▶ head …
              └──▶ closed               └──▶ closed               │                    └──▶ closed
                                          linger ◀──(answered before its body was whole)
                                          stalled ◀──(nobody takes the answer)──▶ closed

Every state but `busy` has an end. Where all places are taken, the connection that has owed us
something for the longest goes, so that a thousand silent ones keep nobody out.
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


@dataclass(frozen=True, slots=True)
class Limits:
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


class Waiting(Protocol):
    """A connection, as the door sees it."""

    phase: Phase
    deadline: float

    def end(self) -> None:
        """Its time is over."""

    def drop(self) -> None:
        """Close it without a word."""


class Door:
    """Every open connection of one listener.

    `tally`: `open` now; so far `slow_…`, by phase, `dropped` for another, `turned_away`
    for want of a place, and `too_much` at once.
    """

    def __init__(self, limits: Limits, tally: Counter[str]) -> None:
        self.limits = limits
        self.tally = tally
        self._waiting: dict[Waiting, None] = {}  # who has waited longest comes first
        self._seconds = {
            Phase.HEAD: limits.header_seconds,
            Phase.BODY: limits.body_seconds + GRACE_SECONDS,
            Phase.IDLE: limits.keep_alive_seconds + 1,  # uvicorn's own timer comes first
            Phase.LINGER: LINGER_SECONDS,
            Phase.STALLED: limits.body_seconds,
            Phase.CLOSING: CLOSE_SECONDS,
        }

    def enter(self, connection: Waiting, *, now: float) -> bool:
        """Let a new connection in, where needed in place of another; False: there is no place."""
        self.tally["open"] += 1
        if self.tally["open"] > self.limits.connections:
            longest = next(iter(self._waiting), None)
            if longest is None:
                self.tally["turned_away"] += 1
                return False
            self.tally["dropped"] += 1
            self._waiting.pop(longest)
            longest.drop()
        self.move(connection, Phase.HEAD, now=now)
        return True

    def move(self, connection: Waiting, phase: Phase, *, now: float) -> None:
        """Its wait is over, or another begins. `now`: the loop's clock."""
        connection.phase = phase
        self._waiting.pop(connection, None)
        if phase is not Phase.BUSY:
            connection.deadline = now + self._seconds[phase]
            self._waiting[connection] = None

    def leave(self, connection: Waiting) -> None:
        """It is closed."""
        self.tally["open"] -= 1
        self._waiting.pop(connection, None)

    def sweep(self, *, now: float) -> None:
        """End every wait that has been too long."""
        for connection in [one for one in self._waiting if one.deadline <= now]:
            if connection.phase is not Phase.IDLE:
                self.tally[f"slow_{connection.phase}"] += 1
            connection.end()
