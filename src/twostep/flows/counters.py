"""Counts of what this process did since it started, for `/metrics`. No count names a person.

They live in memory alone: a process that starts again counts from nought, as Prometheus expects.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from twostep.core.outage import StoreUnavailable
from twostep.store.tx import Store, Tx


if TYPE_CHECKING:
    from prometheus_client import Histogram, ProcessCollector

P = ParamSpec("P")
T = TypeVar("T")

COMMIT_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
KEPT_TIMES = 20
KEPT_FROM_SECONDS = 0.1


class CachedCount(Generic[T]):
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
    `failed_commits`: transactions that never came to theirs;
    `failed_checkpoint_files`: how often checkpoints could not be appended to the file outside;
    `connections`: as `server.door` counts them; `day`: what `figures` counts of the last 24 hours.

    `prometheus_client` is imported where `/metrics` is on: 0.04 s."""

    def __init__(self) -> None:
        self.answers: Counter[int] = Counter()
        self.events: Counter[tuple[str, str]] = Counter()
        self.failed_commits = 0
        self.failed_checkpoint_files = 0
        self.connections: Counter[str] = Counter()
        self.day: CachedCount[Any] = CachedCount()

    @cached_property
    def commits(self) -> Histogram:
        """From a flow's queuing to its commit, in seconds."""
        from prometheus_client import Histogram  # noqa: PLC0415

        name, says = "twostep_commit_seconds", "From a change's queuing to its commit."
        return Histogram(name, says, buckets=COMMIT_BOUNDS, registry=None)

    @cached_property
    def process(self) -> ProcessCollector:
        """Memory, time and open files of this process, as the kernel says. One for good: another
        would name another start if the machine's clock was set in between."""
        from prometheus_client import ProcessCollector  # noqa: PLC0415

        return ProcessCollector(registry=None)


class MeteredStore:
    """A `Store` whose commits are timed and whose committed events are counted."""

    def __init__(self, store: Store, counters: Counters) -> None:
        self._store = store
        self._counters = counters
        self._commits = counters.commits
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
        self._commits.observe(time.perf_counter() - started)
        return answer
