"""Argon2 outside the event loop, with a limit on how much may wait.

As many threads as cores, at nice 10, so that password checks leave the rest its latency. Two lanes
with half the places each: strangers cannot take the places of known browsers. A full lane is an
overload (503 with Retry-After), never a queue without an end.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import ParamSpec, TypeVar


P = ParamSpec("P")
T = TypeVar("T")

NICENESS = 10
PLACES_IN_A_LANE = 32
RETRY_AFTER_SECONDS = 2


class Overloaded(Exception):
    """Every place of the lane is taken: try again in `RETRY_AFTER_SECONDS`."""


def _be_nice() -> None:
    with suppress(AttributeError, OSError):  # only Linux has priorities of threads
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _cores() -> int:
    """Those that this process may use, where the system says so."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class HashPool:
    """A bounded pool of threads for password hashes.

    `threads`: None takes as many as there are cores; `places`: in each lane; `refused`: how many
    came when every place of theirs was taken. `around`: entered for every hash, from its queuing to
    its end, with whether it is a known browser's.
    """

    def __init__(
        self,
        *,
        threads: int | None = None,
        places: int = PLACES_IN_A_LANE,
        around: Callable[[bool], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.threads = threads or _cores()
        self._around = around
        self._threads = ThreadPoolExecutor(
            max_workers=self.threads,
            thread_name_prefix="argon2",
            initializer=_be_nice,
        )
        self._taken = {False: 0, True: 0}
        self.places = places
        self.refused = 0

    def taken(self, *, known: bool) -> int:
        """How many of a lane's `places` are taken right now."""
        return self._taken[known]

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Hash for a stranger; raises `Overloaded`."""
        return await self._run(False, lambda: work(*args, **kwargs))

    async def run_known(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Hash for a known browser or a session; raises `Overloaded`."""
        return await self._run(True, lambda: work(*args, **kwargs))

    async def _run(self, known: bool, work: Callable[[], T]) -> T:  # noqa: FBT001  picks the lane
        if self._taken[known] >= self.places:
            self.refused += 1
            raise Overloaded
        self._taken[known] += 1
        try:
            with self._around(known):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._taken[known] -= 1

    def close(self) -> None:
        """Let running hashes end; drop waiting ones."""
        self._threads.shutdown(wait=True, cancel_futures=True)
