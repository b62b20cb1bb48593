"""A count that takes long is kept for a while; one that is quick never is."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from twostep.core.outage import StoreUnavailable
from twostep.flows import counters
from twostep.flows.counters import CACHE_COST_FACTOR, CACHE_FROM_SECONDS, CachedCount


class Watch:
    """The clock by which counts are timed; only tests move it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(counters, "time", SimpleNamespace(perf_counter=made))
    return made


class Counted:
    """Counts its calls, each of which takes so long."""

    def __init__(self, watch: Watch, seconds: float) -> None:
        self.watch = watch
        self.seconds = seconds
        self.calls = 0

    async def __call__(self) -> int:
        self.calls += 1
        await asyncio.sleep(0)  # others come in meanwhile
        self.watch.seconds += self.seconds
        return self.calls


def test_what_took_long_is_kept_twenty_times_as_long(watch: Watch) -> None:
    async def story() -> None:
        kept, count = CachedCount[int](), Counted(watch, CACHE_FROM_SECONDS)
        assert await kept.get(count) == 1
        kept_until = watch.seconds + CACHE_COST_FACTOR * CACHE_FROM_SECONDS
        watch.seconds = kept_until - 0.01
        assert await kept.get(count) == 1
        watch.seconds = kept_until + 0.01
        assert await kept.get(count) == 2

    asyncio.run(story())


def test_who_asks_together_has_one_count(watch: Watch) -> None:
    async def story() -> None:
        kept, count = CachedCount[int](), Counted(watch, CACHE_FROM_SECONDS)
        assert await asyncio.gather(*(kept.get(count) for _ in range(5))) == [1] * 5

    asyncio.run(story())


def test_what_was_quick_is_counted_each_time(watch: Watch) -> None:
    async def story() -> None:
        kept, count = CachedCount[int](), Counted(watch, CACHE_FROM_SECONDS / 2)
        assert [await kept.get(count) for _ in range(3)] == [1, 2, 3]

    asyncio.run(story())


def test_a_count_that_failed_is_not_kept(watch: Watch) -> None:
    async def fail() -> int:
        watch.seconds += CACHE_FROM_SECONDS
        raise StoreUnavailable("gone")

    async def story() -> None:
        kept = CachedCount[int]()
        with pytest.raises(StoreUnavailable):
            await kept.get(fail)
        assert await kept.get(Counted(watch, 0)) == 1

    asyncio.run(story())
