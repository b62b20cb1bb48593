"""Run Argon2 off the event loop, with a bounded queue.

One thread per core, at nice 10, so that hashing does not slow down other requests. Two lanes with
half the places each keep strangers from taking the places of known browsers, and in a lane an account
has one place: its hashes run one after the other, however many it asks for. A full lane answers 503
with Retry-After instead of queueing without limit.
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
MOST_OF_ONE = 32  # hashes that one account may wait for
RETRY_AFTER_SECONDS = 2


class Overloaded(Exception):
    """The lane is full, or the account waits for too many hashes: try again in `RETRY_AFTER_SECONDS`."""


def _be_nice() -> None:
    with suppress(AttributeError, OSError):  # only Linux has per-thread priorities
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _cores() -> int:
    """How many cores this process may use, if the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Place:
    """An account's place in a lane. `hashes`: those that run or wait there."""

    __slots__ = ("hashes", "turn")

    def __init__(self) -> None:
        self.hashes = 0
        self.turn = asyncio.Lock()


class HashPool:
    """A bounded pool of threads for password hashes.

    `threads`: one per core if None. `places`: per lane. `refused`: how many calls were turned away.
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
        self._lanes: dict[bool, dict[str, _Place]] = {False: {}, True: {}}
        self.places = places
        self.refused = 0

    def taken(self, *, known: bool) -> int:
        """How many of a lane's `places` are taken now."""
        return len(self._lanes[known])

    async def run(
        self, owner: str, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Hash for a stranger; raises `Overloaded`. `owner`: the account, or the name that was typed."""
        return await self._run(owner, lambda: work(*args, **kwargs), known=False)

    async def run_known(
        self, owner: str, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Hash for a known browser or a session; raises `Overloaded`. `owner`: the account."""
        return await self._run(owner, lambda: work(*args, **kwargs), known=True)

    async def _run(self, owner: str, work: Callable[[], T], *, known: bool) -> T:
        lane = self._lanes[known]
        place = lane.get(owner)
        if place is None and len(lane) < self.places:
            place = lane[owner] = _Place()
        if place is None or place.hashes >= MOST_OF_ONE:
            self.refused += 1
            raise Overloaded
        place.hashes += 1
        try:
            async with place.turn:
                with self._around(known):
                    return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            place.hashes -= 1
            if not place.hashes:
                del lane[owner]

    def close(self) -> None:
        """Wait for running hashes; drop queued ones."""
        self._threads.shutdown(wait=True, cancel_futures=True)
