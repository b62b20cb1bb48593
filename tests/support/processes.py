"""Processes and what they take, as Linux tells it."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from pathlib import Path


def family(pid: int) -> list[int]:
    """A process, then its children and theirs."""
    pids = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # one that ends meanwhile
            for child in children.read_text(encoding="ascii").split():
                pids += family(int(child))
    return pids


def send(pid: int, number: signal.Signals) -> None:
    """Signal a whole family, the oldest first, so that it replaces none of the others."""
    for member in family(pid):
        with suppress(ProcessLookupError):
            os.kill(member, number)


def starved_seconds(pid: int) -> float:
    """How long a process's threads have waited for a processor that others had."""
    waited = 0
    for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError):  # one that ends meanwhile
            waited += int(thread.read_text(encoding="ascii").split()[1])
    return waited / 1e9


def memory_bytes(pid: int) -> int:
    """What a process takes of the memory, its share of what it shares included (PSS)."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    match = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    assert match is not None, rollup
    return int(match[1]) * 1024
