"""Counts of what this process did since it started, for `/metrics`. No count names a person.

They live in memory alone: a process that starts again counts from nought, as Prometheus expects.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from twostep.core.outage import StoreUnavailable
from twostep.store.tx import Store, Tx


P = ParamSpec("P")
T = TypeVar("T")

COMMIT_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
KEPT_TIMES = 20
KEPT_FROM_SECONDS = 0.1


class Histogram:
    """Spans sorted into buckets. `counts`: one a bound, and one for what is above all of them."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Sort one span in; a bound belongs to the bucket below it."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.seconds += seconds


class Kept(Generic[T]):
    """A count that is kept for `KEPT_TIMES` as long as it took, so that asking for it all the time
    keeps one processor busy for that part of the time at most. One that was quick is not kept."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._kept: tuple[T, float] | None = None

    async def get(self, count: Callable[[], Awaitable[T]]) -> T:
        """What was kept, or what `count` says now; who asks meanwhile waits for the same."""
        async with self._lock:
            began = time.perf_counter()
            if self._kept and began < self._kept[1]:
                return self._kept[0]
            found = await count()
            done = time.perf_counter()
            took = done - began
            self._kept = (found, done + KEPT_TIMES * took) if took >= KEPT_FROM_SECONDS else None
            return found


class Counters:
    """`answers`: by HTTP status; `events`: of the audit trail, committed, by kind and outcome;
    `commits`: from a flow's queuing to its commit; `failed_commits`: those that never came;
    `failed_checkpoint_files`: how often checkpoints could not be appended to the file outside;
    `connections`: as `server.door` counts them; `day`: what `figures` counts of the last 24 hours."""

    def __init__(self) -> None:
        self.answers: Counter[int] = Counter()
        self.events: Counter[tuple[str, str]] = Counter()
        self.commits = Histogram(COMMIT_BOUNDS)
        self.failed_commits = 0
        self.failed_checkpoint_files = 0
        self.connections: Counter[str] = Counter()
        self.day: Kept[Any] = Kept()


class MeteredStore:
    """A `Store` whose commits are timed and whose committed events are counted."""

    def __init__(self, store: Store, counters: Counters) -> None:
        self._store = store
        self._counters = counters
        self.read = store.read
        self.read_aside = store.read_aside
        self.read_now = store.read_now
        self.schema_version = store.schema_version
        self.pressure = store.pressure
        self.announce = store.announce
        self.listen = store.listen
        self.close = store.close

    async def run(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run one flow, as the store inside does."""

        def counted(tx: Tx) -> T:
            tx.on_commit(lambda: self._counters.events.update(tx.events))
            return flow(tx, *args, **kwargs)

        started = time.perf_counter()
        try:
            answer = await self._store.run(counted)
        except StoreUnavailable:
            self._counters.failed_commits += 1
            raise
        self._counters.commits.add(time.perf_counter() - started)
        return answer
