"""Run Argon2 off the event loop, with a bounded queue.

One thread per core, at nice 10, so that hashing does not slow down other requests. Two lanes with
half the places each keep strangers from taking the places of known browsers. A full lane answers
503 with Retry-After instead of queueing without limit.
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
    """The lane is full: try again in `RETRY_AFTER_SECONDS`."""


def _be_nice() -> None:
    with suppress(AttributeError, OSError):  # only Linux has per-thread priorities
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _cores() -> int:
    """How many cores this process may use, if the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class HashPool:
    """A bounded pool of threads for password hashes.

    `threads`: one per core if None. `places`: per lane. `refused`: how many calls met a full lane.
    `around`: a context entered for each hash from queueing to completion; its argument says whether
    the call is a known browser's.
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
        """How many of a lane's `places` are taken now."""
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
        """Wait for running hashes; drop queued ones."""
        self._threads.shutdown(wait=True, cancel_futures=True)
