"""Counts of what this process has done since it started, for `/metrics`. No count names a person.

They are kept in memory only: a restarted process counts from zero, as Prometheus expects.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from twostep.core.audit.occurrence import Occurrence
from twostep.core.outage import StoreUnavailable
from twostep.store import installation
from twostep.store.tx import Store, Tx


if TYPE_CHECKING:
    from prometheus_client import Histogram, ProcessCollector

P = ParamSpec("P")
T = TypeVar("T")

COMMIT_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
CACHE_COST_FACTOR = 20
CACHE_FROM_SECONDS = 0.1
PROBE_SECONDS = 2.0
PROBED = "probed"  # a fact of the installation; what counts is that it could be written


class CachedCount(Generic[T]):
    """A count cached for `CACHE_COST_FACTOR` times as long as it took.

    However often it is requested, counting keeps one core busy for at most that fraction of the
    time. Counts quicker than `CACHE_FROM_SECONDS` are not cached.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._cached: tuple[T, float] | None = None

    async def get(self, count: Callable[[], Awaitable[T]]) -> T:
        """Return the cached value or the result of `count`; concurrent callers share one count."""
        async with self._lock:
            began = time.perf_counter()
            if self._cached and began < self._cached[1]:
                return self._cached[0]
            value = await count()
            finished = time.perf_counter()
            took = finished - began
            is_slow = took >= CACHE_FROM_SECONDS
            self._cached = (value, finished + CACHE_COST_FACTOR * took) if is_slow else None
            return value


class WriteProbe:
    """Whether the database can be written. Each look is a commit and anybody may ask, so there is one
    look at a time, and those who ask meanwhile share the next."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._began = 0.0
        self._look: asyncio.Task[bool] | None = None

    async def can_write(self, store: Store) -> bool:
        """Commit a small fact; False if that fails or takes longer than `PROBE_SECONDS`."""
        asked = time.perf_counter()
        async with self._lock:
            if self._began < asked:
                self._began = time.perf_counter()
                self._look = asyncio.create_task(_can_write(store))
                await asyncio.wait({self._look}, timeout=PROBE_SECONDS)
            return self._look is not None and self._look.done() and self._look.result()


async def _can_write(store: Store) -> bool:
    try:
        await store.run(installation.save, PROBED, "")
    except StoreUnavailable:
        return False
    return True


class Counters:
    """The process's counters.

    `answers`: by HTTP status. `events`: committed audit events, by kind and outcome.
    `failed_commits`: transactions that could not commit. `failed_checkpoint_files`: how often
    checkpoints could not be appended to the external file. `foreign_ends`: audit chains whose end a
    checkpoint did not sign, because the program had not written it. `connections`: as counted by
    `server.door`. `day`: what `figures` counts over the last 24 hours.

    `prometheus_client` takes 0.04 s to import, so that happens only where `/metrics` is on.
    """

    def __init__(self) -> None:
        self.answers: Counter[int] = Counter()
        self.events: Counter[tuple[str, str]] = Counter()
        self.failed_commits = 0
        self.failed_checkpoint_files = 0
        self.foreign_ends = 0
        self.connections: Counter[str] = Counter()
        self.day: CachedCount[Any] = CachedCount()
        self.write_probe = WriteProbe()

    def count_events(self, occurrences: Iterable[Occurrence]) -> None:
        """Count what a transaction has committed."""
        self.events.update((each.event.kind, each.event.outcome) for each in occurrences)

    @cached_property
    def commits(self) -> Histogram:
        """Time from queueing a flow to its commit, in seconds."""
        from prometheus_client import Histogram  # noqa: PLC0415

        name, description = "twostep_commit_seconds", "From a change's queuing to its commit."
        return Histogram(name, description, buckets=COMMIT_BOUNDS, registry=None)

    @cached_property
    def process(self) -> ProcessCollector:
        """Memory, CPU time and open files of this process, as the kernel reports them.

        Created once: a second collector would report another start time if the machine's clock
        had been set in between.
        """
        from prometheus_client import ProcessCollector  # noqa: PLC0415

        return ProcessCollector(registry=None)


class MeteredStore:
    """A `Store` that times commits and counts committed events."""

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
        """Run one flow in the wrapped store."""

        def counted(tx: Tx) -> T:
            tx.on_commit(lambda: self._counters.count_events(tx.events))
            return flow(tx, *args, **kwargs)

        started = time.perf_counter()
        try:
            answer = await self._store.run(counted)
        except StoreUnavailable:
            self._counters.failed_commits += 1
            raise
        self._commits.observe(time.perf_counter() - started)
        return answer
