"""User names that nobody has: counted like known ones, and never more rows than fit."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.house import House, open_house, other_browser
from twostep.core.refusal import Refused
from twostep.core.sign_in import throttle
from twostep.flows.operate.purge import purge
from twostep.flows.sign_in import first_step
from twostep.store.sign_in import throttles
from twostep.store.tx import Tx


MANY = 10_000
FROM_ONE_NETWORK = 99  # one fewer than a network may try in an hour
TOGETHER = 30
HOUR = 3600
DAY = 86_400
STRANGERS = "password.strangers:"


async def _try(house: House, name: str, *, network: str) -> Refused:
    answer = await first_step.sign_in(
        house.by(other_browser(house, network=network)),
        identifier=name,
        typed="wrong",
        next_path="/",
    )
    assert isinstance(answer, Refused)
    return answer


def _count(tx: Tx) -> int:
    row = tx.first("SELECT count(*) FROM throttles")
    assert row is not None
    return int(row[0])


async def _tidy(house: House) -> int:
    await house.by().do(purge, limit=10**6)
    return house.env.store.read_now(_count)


@pytest.mark.sqlite_file  # the count is about the rows; their SQL runs on both engines below
@pytest.mark.parametrize("names", [500, pytest.param(MANY, marks=pytest.mark.soak)])
def test_the_rows_of_many_names_do_not_stay(tmp_path: Path, names: int) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            for first in range(0, names, TOGETHER):
                await asyncio.gather(
                    *(
                        _try(house, f"nobody-{n}", network=f"10.0.{n // FROM_ONE_NETWORK}.1")
                        for n in range(first, min(first + TOGETHER, names))
                    )
                )
            networks = -(-names // FROM_ONE_NETWORK)
            assert await _tidy(house) == 3 * names + networks
            house.clock.forward(HOUR + 1)
            assert await _tidy(house) == names  # tries in a row are not forgotten so soon
            house.clock.forward(throttle.PASSWORD_IN_A_ROW.longest_wait_seconds + 2 * DAY)
            assert await _tidy(house) == 0

    asyncio.run(story())


async def _fill(house: House, *, rows: int, count: int, name: str) -> None:
    def insert(tx: Tx) -> None:
        for number in range(rows):
            key = f"{STRANGERS}{name}-{number}"
            throttles.lock(tx, key, now=house.now)
            state = replace(throttles.load(tx, key), count=count, since_at=house.now)
            throttles.save(tx, key, state, now=house.now)

    await house.env.store.run(insert)


def test_beyond_the_lid_the_rows_that_say_least_go_first(tmp_path: Path) -> None:
    """A flood pushes out itself, not the counter of a name that is being guessed."""

    async def story() -> None:
        async with open_house(tmp_path) as house:
            await _fill(house, rows=3, count=40, name="guessed")
            house.clock.forward(60)
            await _fill(house, rows=50, count=1, name="flood")

            def lid(tx: Tx) -> list[str]:
                throttles.purge_strangers(tx, before=house.now - HOUR, most=10, limit=500)
                return [row[0] for row in tx.all("SELECT key FROM throttles ORDER BY key")]

            left = await house.env.store.run(lid)
            assert len(left) == 10
            assert sum("guessed" in key for key in left) == 3

    asyncio.run(story())


def test_waits_of_the_second_step_are_not_strangers_to_push_out(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            for key in ("code:a:strangers", "recovery_code:a:b", "send.number_day:x"):
                await house.env.store.run(throttles.lock, key, now=house.now)
            house.clock.forward(2 * HOUR)
            await house.env.store.run(
                throttles.purge_strangers, before=house.now - HOUR, most=0, limit=500
            )
            assert house.env.store.read_now(_count) == 3

    asyncio.run(story())


def test_an_unknown_name_waits_like_a_known_one(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            await house.add("alice")
            said = {
                name: [await _try(house, name, network=f"{place}.0.0.1") for _ in range(12)]
                for name, place in (("alice", 11), ("nobody", 12))
            }
            assert said["alice"] == said["nobody"]
            # From fifty networks, so that it is the name's own limit.
            spread = {
                name: [await _try(house, name, network=f"{place}.1.0.{n}") for n in range(52)]
                for name, place in (("alice", 11), ("nobody", 12))
            }
            assert spread["alice"] == spread["nobody"]
            assert spread["alice"][-1].retry_at == house.now + 30
            # And the same after tidying up with the lid down.
            await house.env.store.run(
                throttles.purge_strangers, before=house.now - HOUR, most=4, limit=500
            )
            left = {
                name: await _try(house, name, network=f"{place}.2.0.1")
                for name, place in (("alice", 11), ("nobody", 12))
            }
            assert left["alice"] == left["nobody"]

    asyncio.run(story())
