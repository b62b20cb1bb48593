"""What the kernel says of this process: memory, time, open files. Under Prometheus's own names, so that
any dashboard for processes shows them.

Source: Prometheus, "Writing client libraries", process metrics; proc(5).
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path


# Told once: whole seconds on one side would make it change with every look.
_started_at: dict[int, float] = {}


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """`cpu_seconds`: user and system; `memory_bytes`: resident; `started_at`: Unix seconds."""

    cpu_seconds: float
    memory_bytes: int
    open_files: int
    most_files: int
    started_at: float


def read_process(*, now: int) -> ProcessFigures | None:
    """Read them; None where there is no /proc."""
    try:
        # Behind the last bracket: the name before it may hold anything.
        fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        open_files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        limits = Path("/proc/self/limits").read_text(encoding="utf-8")
    except OSError:
        return None
    ticks = os.sysconf("SC_CLK_TCK")
    user, system, start, pages = (int(fields[at]) for at in (11, 12, 19, 21))
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - start / ticks
    return ProcessFigures(
        cpu_seconds=(user + system) / ticks,
        memory_bytes=pages * os.sysconf("SC_PAGE_SIZE"),
        open_files=open_files,
        most_files=_most_files(limits),
        started_at=_started_at.setdefault(os.getpid(), now - age),
    )


def _most_files(limits: str) -> int:
    line = next(line for line in limits.splitlines() if line.startswith("Max open files"))
    soft = line.split()[3]
    return int(soft) if soft.isdecimal() else 0
