"""The part of `twostep doctor` that asks other systems: the clock, the mail server, providers."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING

from twostep.cli.doctor.finding import ERROR, OK, SKIPPED, WARNING, Finding


if TYPE_CHECKING:
    from twostep.cli.shell import Shell
    from twostep.config import Settings

ANSWER_SECONDS = 5

_UNKNOWN_CLOCK = ": check yourself that the clock is set by the network."
_LEVELS = {"works": OK, "untested": SKIPPED, "doubtful": WARNING, "broken": ERROR}


def examine_clock() -> Finding:
    """Ask systemd whether the clock is set from the network, which app codes depend on."""
    about = "clock"
    try:
        answer = subprocess.run(
            ["timedatectl", "show", "-p", "NTPSynchronized"],  # noqa: S607  found through PATH
            capture_output=True, text=True, timeout=ANSWER_SECONDS, check=True,
        )  # fmt: skip
    except FileNotFoundError:
        return Finding(SKIPPED, about, f"timedatectl is not installed{_UNKNOWN_CLOCK}")
    except (OSError, subprocess.SubprocessError):
        return Finding(SKIPPED, about, f"timedatectl does not answer{_UNKNOWN_CLOCK}")
    if answer.stdout.strip() == "NTPSynchronized=yes":
        return Finding(OK, about, "set by the network")
    return Finding(
        WARNING,
        about,
        "not set by the network: once it is wrong, right codes of apps are refused. Run:"
        " timedatectl set-ntp true",
    )


def examine_providers(shell: Shell, settings: Settings, *, offline: bool) -> Iterator[Finding]:
    """Send every provider a harmless request."""
    from twostep.flows.operate.examine_delivery import examine_delivery

    if offline:
        yield Finding(SKIPPED, "delivery", "neither the mail server nor the providers were asked.")
        return
    for finding in asyncio.run(examine_delivery(settings, now=shell.wiring.clock())):
        yield Finding(_LEVELS[finding.verdict], finding.name, finding.text)
