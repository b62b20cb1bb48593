"""The part of `twostep doctor` that asks others: a time server, the mail server, providers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from twostep.cli.doctor.finding import ERROR, OK, SKIPPED, WARNING, Finding
from twostep.cli.failure import MISUSED, Failure


if TYPE_CHECKING:
    from twostep.cli.shell import Shell
    from twostep.config import Settings

# Codes of apps change every 30 seconds, and one step to either side is taken.
UNUSUAL_SECONDS = 2.0
WRONG_SECONDS = 15.0

_SET_THE_CLOCK = "Have it set by the network: timedatectl set-ntp true"
_LEVELS = {"works": OK, "untested": SKIPPED, "doubtful": WARNING, "broken": ERROR}


def examine_clock(source: str | None, instant: Callable[[], float]) -> Finding:
    """Compare the clock with a time server. Raises `Failure` where `source` is none."""
    from twostep.flows.operate.clock import compare_clock
    from twostep.flows.operate.time_server import NoTime

    about = "clock"
    if source is None:
        return Finding(SKIPPED, about, "not compared with another. Give --time-source HOST.")
    try:
        answer = asyncio.run(compare_clock(source, instant=instant))
    except ValueError as error:
        raise Failure(f"--time-source: {error}.", MISUSED) from None
    if isinstance(answer, NoTime):
        return Finding(WARNING, about, f"not compared: {answer.text}")
    ahead = answer.ahead_seconds
    off = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} {source}"
    if abs(ahead) > WRONG_SECONDS:
        return Finding(ERROR, about, f"{off}: right codes of apps are refused. {_SET_THE_CLOCK}")
    if abs(ahead) > UNUSUAL_SECONDS:
        return Finding(WARNING, about, f"{off}. {_SET_THE_CLOCK}")
    return Finding(OK, about, f"right: {off}")


def examine_providers(shell: Shell, settings: Settings, *, offline: bool) -> Iterator[Finding]:
    """Ask every provider something harmless."""
    from twostep.flows.operate.examine_delivery import examine_delivery

    if offline:
        yield Finding(SKIPPED, "delivery", "neither mail server nor providers were asked.")
        return
    for one in asyncio.run(examine_delivery(settings, now=shell.wiring.clock())):
        yield Finding(_LEVELS[one.verdict], one.name, one.text)
