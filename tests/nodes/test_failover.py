"""The primary dies while people sign in, add apps and spend codes; its replica takes over."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crowd import Crowd, new_ledgers
from tests.support.failover import Servers, review, review_database, under_load
from tests.support.nodes import install
from tests.support.replica import Pair, run_pair
from tests.support.waiting import PATIENCE_SECONDS
from twostep.core.outage import StoreUnavailable
from twostep.store import installation
from twostep.store.engine import open as engines


@pytest.fixture
def pair() -> Iterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="twostep-pair-") as folder:
        path = Path(folder).resolve()
        path.chmod(0o755)
        with run_pair(path) as made:
            yield made


@pytest.mark.parametrize(
    ("people", "accounts"), [(10, 1500), pytest.param(50, 6000, marks=pytest.mark.soak)]
)
def test_a_failover_under_load_loses_nothing(
    pair: Pair, tmp_path: Path, people: int, accounts: int
) -> None:
    url = pair.new_database()
    installed = install(tmp_path, url)
    ledgers = new_ledgers(installed.seed(accounts))
    servers = Servers(pair.kill, pair.promote)
    with installed.nodes(2) as nodes:
        crowd = Crowd([node.url for node in nodes], ledgers)
        outcome, seen = asyncio.run(under_load(crowd, nodes, servers, people=people))
        print(outcome, seen, crowd.tally.figures())  # noqa: T201  for whoever runs it with -rP
        review(crowd, nodes, outcome)
    assert seen["codes used"] > 0
    review_database(url)
    installed.verify_audit()


def test_a_primary_that_says_nothing_any_more_is_left(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twostep.store.engine import postgres_wire  # noqa: PLC0415  an extra

    monkeypatch.setattr(postgres_wire, "MOST_SILENCE_SECONDS", 1.0)
    url = pair.new_database()

    async def story() -> None:
        store = engines.open_engine(url)
        try:
            await store.run(installation.save, "a", "kept")
            pair.freeze()
            with pytest.raises(StoreUnavailable):
                await store.run(installation.save, "a", "x")
            with pytest.raises(StoreUnavailable):
                await store.read(installation.load, "a")
            await asyncio.to_thread(pair.promote)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    try:
                        await store.run(installation.save, "b", "new")
                    except StoreUnavailable:
                        continue
                    break
            assert await store.read(installation.load, "a") == "kept"
        finally:
            await store.close()

    asyncio.run(story())


def test_nobody_waits_behind_those_whom_a_frozen_primary_holds_up(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twostep.store.engine import postgres as engine_postgres  # noqa: PLC0415  an extra
    from twostep.store.engine import postgres_wire  # noqa: PLC0415  as above

    monkeypatch.setattr(postgres_wire, "MOST_SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(engine_postgres, "MOST_QUEUE_SECONDS", 0.5)
    url = pair.new_database()

    async def story() -> list[str]:
        store = engines.open_engine(url)
        try:
            await store.run(installation.save, "a", "kept")
            pair.freeze()
            asked = (store.run(installation.save, "a", str(number)) for number in range(40))
            return [str(answer) for answer in await asyncio.gather(*asked, return_exceptions=True)]
        finally:
            await store.close()

    answers = asyncio.run(story())
    behind = [answer for answer in answers if "nothing was begun" in answer]
    assert len(behind) >= 20, answers
    assert not [answer for answer in answers if answer == "None"], answers


def test_an_address_of_several_servers_finds_the_one_to_write_to(pair: Pair) -> None:
    url = pair.new_database()
    assert url.index(str(pair.replica.port)) < url.index(str(pair.primary.port))

    async def save() -> None:
        store = engines.open_engine(url)
        await store.run(installation.save, "a", "x")
        await store.close()

    asyncio.run(save())
    engines.upgrade(pair.url(pair.primary.new_database(empty=True).rpartition("/")[2]))
    only_replica = pair.replica.url(url.rpartition("/")[2])
    with pytest.raises(StoreUnavailable, match="read-only"):
        engines.open_engine(only_replica)
