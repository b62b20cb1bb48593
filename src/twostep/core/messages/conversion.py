"""How many of the codes that went to new numbers of a country came back.

We know exactly, since we check the codes. Where almost none does, somebody is having texts sent for
the money in them (OWASP OAT-003), and adding numbers of that country pauses.
"""

from __future__ import annotations

from collections.abc import Sequence


WATCHED = 50  # the newest sends to unconfirmed numbers
LEAST_SHARE = 0.2
# A code this young may still be typed; most are within a minute.
GRACE_SECONDS = 180


def is_abused(outcomes: Sequence[bool]) -> bool:
    """Whether enough sends are known, and too few of their codes came back.

    `outcomes`: of the newest sends whose grace is over or that were verified; True: verified.
    """
    newest = outcomes[:WATCHED]
    return len(newest) == WATCHED and sum(newest) < LEAST_SHARE * WATCHED
