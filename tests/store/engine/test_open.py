"""What both engines promise to flows."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from tests.support import rows
from tests.support.engines import Engine, open_store
from tests.support.waiting import PATIENCE_SECONDS
from twostep.core.audit import event
from twostep.core.audit.event import CLI
from twostep.core.outage import StoreUnavailable
from twostep.core.sealing import Keyring, new_key
from twostep.store import installation
from twostep.store.account import accounts
from twostep.store.audit import trail as audit
from twostep.store.engine import schema
from twostep.store.sign_in import throttles
from twostep.store.tx import Tx


KEYRING = Keyring((new_key(),))


def _save(tx: Tx, name: str, value: str) -> str:
    installation.save(tx, name, value)
    return value


def _save_and_break(tx: Tx, name: str) -> None:
    installation.save(tx, name, "lost")
    raise LookupError(name)


def test_a_database_has_the_newest_schema(engine: Engine) -> None:
    async def story() -> None:
        async with open_store(engine) as store:
            assert store.schema_version() == schema.HEAD
            assert store.read_now(installation.load, "none") is None

    asyncio.run(story())


def test_upgrading_again_changes_nothing(engine: Engine) -> None:
    schema.upgrade(engine.url)

    async def story() -> None:
        async with open_store(engine) as store:
            assert store.schema_version() == schema.HEAD

    asyncio.run(story())


def test_a_flow_is_committed_and_its_answer_comes_back(engine: Engine) -> None:
    async def story() -> None:
        async with open_store(engine) as store:
            assert await store.run(_save, "a", "kept") == "kept"
        async with open_store(engine) as store:
            assert await store.read(installation.load, "a") == "kept"

    asyncio.run(story())


def test_a_read_beside_the_others_holds_them_up_not(engine: Engine) -> None:
    began, goes_on = threading.Event(), threading.Event()

    def look(tx: Tx) -> str | None:
        began.set()
        assert goes_on.wait(PATIENCE_SECONDS)
        return installation.load(tx, "a")

    async def story() -> None:
        async with open_store(engine) as store:
            await store.run(_save, "a", "old")
            aside = asyncio.create_task(store.read_aside(look))
            await asyncio.to_thread(began.wait, PATIENCE_SECONDS)
            await store.run(_save, "a", "new")
            assert await store.read(installation.load, "a") == "new"
            assert not aside.done()
            goes_on.set()
            assert await aside == "new"

    asyncio.run(story())


def test_a_read_beside_the_others_cannot_write_and_says_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "twostep.sqlite3"
    schema.upgrade(f"sqlite:///{path}")

    async def story() -> None:
        async with open_store(Engine("sqlite", f"sqlite:///{path}")) as store:
            with pytest.raises(StoreUnavailable, match="readonly"):
                await store.read_aside(_save, "a", "b")
            path.rename(tmp_path / "elsewhere")
            with pytest.raises(StoreUnavailable, match="is gone"):
                await store.read_aside(installation.load, "a")

    asyncio.run(story())


def test_closing_ends_a_long_read_beside_the_others(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'twostep.sqlite3'}"
    schema.upgrade(url)
    began = threading.Event()

    def count(tx: Tx) -> None:
        began.set()
        tx.first(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
        )

    async def story() -> None:
        async with open_store(Engine("sqlite", url)) as store:
            aside = asyncio.create_task(store.read_aside(count))
            await asyncio.to_thread(began.wait, PATIENCE_SECONDS)
        with pytest.raises(StoreUnavailable, match="interrupted"):
            await asyncio.wait_for(aside, PATIENCE_SECONDS)

    asyncio.run(story())


def test_a_flow_that_raises_leaves_nothing_and_harms_no_other(engine: Engine) -> None:
    async def story() -> None:
        async with open_store(engine) as store:
            good, bad = await asyncio.gather(
                store.run(_save, "a", "kept"),
                store.run(_save_and_break, "b"),
                return_exceptions=True,
            )
            assert good == "kept"
            assert isinstance(bad, LookupError)
            assert await store.read(installation.load, "a") == "kept"
            assert await store.read(installation.load, "b") is None
            assert await store.run(_save, "b", "later") == "later"

    asyncio.run(story())


def test_callbacks_come_after_commit_on_the_loop_and_never_after_a_failure(engine: Engine) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        called: list[str] = []

        def flow(tx: Tx, name: str, *, fails: bool) -> None:
            def callback() -> None:
                assert asyncio.get_running_loop() is loop
                called.append(name)

            tx.on_commit(callback)
            installation.save(tx, name, "x")
            if fails:
                raise LookupError(name)

        async with open_store(engine) as store:
            await store.run(flow, "good", fails=False)
            with pytest.raises(LookupError):
                await store.run(flow, "bad", fails=True)
            assert called == ["good"]

    asyncio.run(story())


def test_a_client_that_goes_away_leaves_the_transaction_and_its_callbacks(engine: Engine) -> None:
    async def story() -> None:
        woken = asyncio.Event()

        def flow(tx: Tx) -> None:
            tx.on_commit(woken.set)
            installation.save(tx, "a", "kept")

        async with open_store(engine) as store:
            task = asyncio.create_task(store.run(flow))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(woken.wait(), PATIENCE_SECONDS)
            assert await store.read(installation.load, "a") == "kept"

    asyncio.run(story())


def test_a_closed_store_refuses(engine: Engine) -> None:
    async def story() -> None:
        async with open_store(engine) as store:
            await store.run(_save, "a", "kept")
        with pytest.raises(StoreUnavailable):
            await store.run(_save, "a", "late")

    asyncio.run(story())


def test_parallel_flows_on_one_row_follow_each_other(engine: Engine) -> None:
    def count_up(tx: Tx) -> int:
        state = throttles.lock(tx, "k", now=1)
        count = state.count + 1
        tx.do("UPDATE throttles SET count = :n WHERE key = 'k'", n=count)
        return count

    async def story() -> None:
        async with open_store(engine) as store:
            answers = await asyncio.gather(*(store.run(count_up) for _ in range(40)))
            assert sorted(answers) == list(range(1, 41))

    asyncio.run(story())


def test_a_value_that_two_flows_write_at_once_is_decided_by_running_one_again(
    engine: Engine,
) -> None:
    """Without a conflict clause: the second flow runs again and sees what the first has written."""

    def insert_if_absent(tx: Tx, value: str) -> bool:
        if installation.load(tx, "first") is not None:
            return False
        tx.do("INSERT INTO installation (name, value) VALUES ('first', :value)", value=value)
        return True

    async def story() -> None:
        async with open_store(engine) as store:
            answers = await asyncio.gather(*(store.run(insert_if_absent, str(n)) for n in range(8)))
            assert sorted(answers) == [False] * 7 + [True]

    asyncio.run(story())


def test_an_announced_read_sees_what_the_flow_has_written_since(engine: Engine) -> None:
    def flow(tx: Tx) -> list[str | None]:
        installation.save(tx, "a", "old")
        tx.ahead(installation.load, "a")
        tx.ahead(installation.load, "b")
        first = tx.first("SELECT 1")
        assert first == (1,)
        installation.save(tx, "a", "new")
        return [installation.load(tx, "a"), installation.load(tx, "b"), installation.load(tx, "a")]

    async def story() -> None:
        async with open_store(engine) as store:
            assert await store.run(flow) == ["new", None, "new"]

    asyncio.run(story())


def test_text_is_ordered_by_its_bytes(engine: Engine) -> None:
    def flow(tx: Tx) -> list[str]:
        for name in ("b", "B", "ä", "a-b", "ab", "a_b"):
            installation.save(tx, name, "x")
        return [
            row[0]
            for row in tx.all("SELECT name FROM installation WHERE value = 'x' ORDER BY name")
        ]

    async def story() -> None:
        async with open_store(engine) as store:
            assert await store.run(flow) == ["B", "a-b", "a_b", "ab", "b", "ä"]

    asyncio.run(story())


def test_a_nul_in_a_name_finds_nothing(engine: Engine) -> None:
    async def story() -> None:
        async with open_store(engine) as store:
            assert await store.read(installation.load, "a\0b") is None

    asyncio.run(story())


def test_an_empty_database_has_no_version(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_store(Engine("sqlite", f"sqlite:///{tmp_path / 'empty'}")) as store:
            assert store.schema_version() is None

    asyncio.run(story())


def test_what_is_left_for_the_end_is_written_once_and_with_the_flow(engine: Engine) -> None:
    ends: list[str] = []

    def last(tx: Tx, key: str) -> None:
        ends.append(key)
        installation.save(tx, key, "at the end")

    def flow(tx: Tx, *keys: str, fail: bool = False) -> None:
        for key in keys:
            tx.at_end(key, last)
        assert not ends
        if fail:
            raise LookupError(keys)

    async def story() -> None:
        async with open_store(engine) as store:
            with pytest.raises(LookupError):
                await store.run(flow, "x", fail=True)
            assert await store.read(installation.load, "x") is None
            await store.run(flow, "a", "b", "a")
            assert ends == ["a", "b"]
            assert await store.read(installation.load, "b") == "at the end"

    asyncio.run(story())


def test_an_account_that_is_locked_twice_keeps_its_chain(engine: Engine) -> None:
    def flow(tx: Tx) -> None:
        for _ in range(2):
            account = accounts.lock(tx, "acc")
            audit.append(
                tx,
                event.new_event(event.SIGN_OUT_DONE),
                account=account,
                source=CLI,
                now=1,
                keyring=KEYRING,
            )

    async def story() -> None:
        async with open_store(engine) as store:
            await store.run(accounts.insert, rows.ACCOUNT, name_key="alice")
            await store.run(flow)
            await store.run(flow)
            records = await store.read(audit.list_newest, "acc", before_seq=99, limit=99)
            assert [record.seq for record in records] == [4, 3, 2, 1]
            assert (await store.read(audit.list_heads, after="", limit=9))["acc"].seq == 4

    asyncio.run(story())
