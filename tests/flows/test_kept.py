"""A count that takes long is kept for a while; one that is quick never is."""

from __future__ import annotations

import asyncio
import time

import pytest

from twostep.core.outage import StoreUnavailable
from twostep.flows.counters import KEPT_FROM_SECONDS, KEPT_TIMES, CachedCount


class Counted:
    """Counts its calls, each of which takes so long."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.calls = 0

    async def __call__(self) -> int:
        self.calls += 1
        await asyncio.to_thread(time.sleep, self.seconds)
        return self.calls


def test_what_took_long_is_kept_twenty_times_as_long() -> None:
    async def story() -> None:
        kept, count = CachedCount[int](), Counted(KEPT_FROM_SECONDS)
        began = time.perf_counter()
        for _ in range(2000):
            if await kept.get(count) == 2:
                break
            await asyncio.sleep(0.01)
        assert count.calls == 2
        assert time.perf_counter() - began >= KEPT_TIMES * KEPT_FROM_SECONDS

    asyncio.run(story())


def test_who_asks_together_has_one_count() -> None:
    async def story() -> None:
        kept, count = CachedCount[int](), Counted(KEPT_FROM_SECONDS)
        assert await asyncio.gather(*(kept.get(count) for _ in range(5))) == [1] * 5

    asyncio.run(story())


def test_what_was_quick_is_counted_each_time() -> None:
    async def story() -> None:
        kept, count = CachedCount[int](), Counted(0)
        assert [await kept.get(count) for _ in range(3)] == [1, 2, 3]

    asyncio.run(story())


def test_a_count_that_failed_is_not_kept() -> None:
    async def fail() -> int:
        await asyncio.to_thread(time.sleep, KEPT_FROM_SECONDS)
        raise StoreUnavailable("gone")

    async def story() -> None:
        kept = CachedCount[int]()
        with pytest.raises(StoreUnavailable):
            await kept.get(fail)
        assert await kept.get(Counted(0)) == 1

    asyncio.run(story())
