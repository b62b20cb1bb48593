"""Counts of what this process did since it started, for `/metrics`. No count names a person.

They live in memory alone: a process that starts again counts from nought, as Prometheus expects.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from twostep.store.tx import Store, StoreUnavailable, Tx


P = ParamSpec("P")
T = TypeVar("T")

COMMIT_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


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


class Counters:
    """`answers`: by HTTP status; `events`: of the audit trail, committed, by kind and outcome;
    `commits`: from a flow's queuing to its commit; `failed_commits`: those that never came;
    `connections`: as `server.door` counts them."""

    def __init__(self) -> None:
        self.answers: Counter[int] = Counter()
        self.events: Counter[tuple[str, str]] = Counter()
        self.commits = Histogram(COMMIT_BOUNDS)
        self.failed_commits = 0
        self.connections: Counter[str] = Counter()


class MeteredStore:
    """A `Store` whose commits are timed and whose committed events are counted."""

    def __init__(self, store: Store, counters: Counters) -> None:
        self._store = store
        self._counters = counters
        self.read = store.read
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
