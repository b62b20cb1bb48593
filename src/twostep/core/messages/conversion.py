"""How many of the codes sent to new numbers in a country are entered.

We know exactly, since we verify the codes. If hardly any are, somebody is probably earning money
from our texts (toll fraud; OWASP OAT-003), and adding numbers in that country is paused.
"""

from __future__ import annotations

from collections.abc import Sequence


WATCHED = 50  # number of newest sends to unconfirmed numbers
LEAST_SHARE = 0.2
# A code this recent may still be entered; most are within a minute.
GRACE_SECONDS = 180


def is_abused(outcomes: Sequence[bool]) -> bool:
    """Whether enough sends are known, and too few of their codes were entered.

    `outcomes`: newest first; True for a verified code, False for one whose grace period is over.
    """
    newest = outcomes[:WATCHED]
    return len(newest) == WATCHED and sum(newest) < LEAST_SHARE * WATCHED
