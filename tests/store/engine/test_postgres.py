"""What can go wrong between us and PostgreSQL, and what is said and done about it."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.engines import Engine, open_store
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer, run_server
from tests.support.waiting import PATIENCE_SECONDS, wait_until
from twostep.config import Settings
from twostep.core.outage import OutcomeUnknown, StoreUnavailable
from twostep.main import StartError, upgrade_schema
from twostep.main import open_store as open_for_start
from twostep.store import installation
from twostep.store.engine import address, schema
from twostep.store.engine import open as engines
from twostep.store.engine import postgres as engine_postgres
from twostep.store.engine import postgres_connection as connections
from twostep.store.engine.postgres_pool import CONNECTION_WAIT_SECONDS
from twostep.store.engine.postgres_wire import Wire
from twostep.store.engine.postgres_words import words
from twostep.store.operate import server_limits
from twostep.store.sign_in import throttles
from twostep.store.tx import Store, Tx


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Engine]:
    url = postgres.new_database()
    yield Engine("postgresql", url)
    postgres.drop_database(url)


def _administer(database: Engine, sql: str) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(sql.encode())


def _kill_all(postgres: PostgresServer) -> None:
    postgres.administer(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'twostep' AND pid <> pg_backend_pid()"
    )


def _waiting_for_rows(connection: psycopg.Connection) -> int:
    """How many transactions wait for a row that somebody else has locked."""
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    return connection.execute(query).fetchone()[0]


def _settings(url: str) -> Settings:
    return Settings(public_url="https://panel.example.com", database_url=url)


async def _save(store: Store, name: str) -> None:
    await store.run(installation.save, name, "x")


# ── connections ─────────────────────────────────────────────────────────────────────────────────


def test_connections_lost_while_idle_are_replaced_unseen(
    postgres: PostgresServer, database: Engine
) -> None:
    async def story() -> None:
        async with open_store(database) as store:
            await asyncio.gather(*(_save(store, f"before {n}") for n in range(20)))
            _kill_all(postgres)
            await _save(store, "after")
            assert store.read_now(installation.load, "after") == "x"

    asyncio.run(story())


def test_reads_on_connections_lost_while_idle_do_not_notice(
    postgres: PostgresServer, database: Engine
) -> None:
    async def story() -> None:
        async with open_store(database) as store:
            await _save(store, "a")
            reads = [store.read(installation.load, "a") for _ in range(20)]
            assert await asyncio.gather(*reads) == ["x"] * 20
            _kill_all(postgres)
            reads = [store.read(installation.load, "a") for _ in range(20)]
            assert await asyncio.gather(*reads) == ["x"] * 20

    asyncio.run(story())


def test_a_connection_lost_within_a_flow_runs_it_again(
    postgres: PostgresServer, database: Engine
) -> None:
    runs: list[int] = []

    def flow(tx: Tx) -> str | None:
        runs.append(1)
        installation.save(tx, "a", "kept")
        if len(runs) == 1:
            _kill_all(postgres)
        return installation.load(tx, "a")

    async def story() -> None:
        async with open_store(database) as store:
            assert await store.run(flow) == "kept"
            assert len(runs) == 2

    asyncio.run(story())


def test_a_connection_lost_at_commit_is_never_tried_again(database: Engine) -> None:
    _administer(
        database,
        """
        CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
          'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON installation
          DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut();
        """,
    )
    runs: list[int] = []
    woken: list[int] = []

    def flow(tx: Tx) -> None:
        runs.append(1)
        tx.on_commit(lambda: woken.append(1))
        installation.save(tx, "a", "x")

    async def story() -> None:
        async with open_store(database) as store:
            with pytest.raises(OutcomeUnknown, match=r"lost at COMMIT.*Try again"):
                await store.run(flow)
            assert (runs, woken) == ([1], [])
            _administer(database, "DROP TRIGGER cut ON installation")
            await store.run(flow)
            assert (runs, woken) == ([1, 1], [1])

    asyncio.run(story())


def test_a_primary_that_becomes_a_replica_is_named_and_left(
    postgres: PostgresServer, database: Engine
) -> None:
    name = database.url.rpartition("/")[2]

    async def story() -> None:
        async with open_store(database) as store:
            await _save(store, "a")
            _administer(database, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            _kill_all(postgres)
            with pytest.raises(StoreUnavailable, match="read-only"):
                await _save(store, "b")
            with pytest.raises(StoreUnavailable, match="read-only"):
                engines.open_engine(database.url)
            with psycopg.connect(database.url, autocommit=True) as connection:
                connection.execute("SET default_transaction_read_only = off")
                connection.execute(
                    f"ALTER DATABASE {name} RESET default_transaction_read_only".encode()
                )
            for attempt in range(20):  # every old connection has to be found out
                try:
                    await _save(store, "b")
                except StoreUnavailable:
                    assert attempt < 19
                else:
                    break

    asyncio.run(story())


def test_in_an_outage_the_last_in_the_queue_is_answered_as_soon_as_the_first() -> None:
    async def story() -> None:
        async with open_store(database) as store:
            await _save(store, "a")
            # It ends its backends first: one that had not noticed would go on answering.
            server.process.send_signal(signal.SIGQUIT)
            server.process.wait()
            start = time.monotonic()
            answers = await asyncio.gather(
                *(store.read(installation.load, "a") for _ in range(120)),
                *(_save(store, "b") for _ in range(120)),
                return_exceptions=True,
            )
            assert {type(answer) for answer in answers} <= {StoreUnavailable, OutcomeUnknown}
            # One after the other on each connection, half of them would wait 30 times as long.
            assert time.monotonic() - start < 10 * CONNECTION_WAIT_SECONDS

    with (
        tempfile.TemporaryDirectory(prefix="twostep-pg-") as folder,
        run_server(Path(folder).resolve()) as server,
    ):
        database = Engine("postgresql", server.new_database())
        asyncio.run(story())


def test_a_process_takes_as_many_connections_as_its_setting_says(database: Engine) -> None:
    settings = _settings(database.url).model_copy(update={"database_connections": 3})

    def count(tx: Tx) -> int:
        row = tx.first("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(row[0]) if row else 0

    async def story() -> None:
        store = open_for_start(settings)
        try:
            with psycopg.connect(database.url) as other:
                other.execute("LOCK TABLE installation IN SHARE MODE")
                waiting = [asyncio.create_task(_save(store, f"{n}")) for n in range(20)]
                seen = [0]
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while max(seen) < 3 + 1:  # ours and the other's
                        seen = await asyncio.gather(*(store.read(count) for _ in range(20)))
                seen += await asyncio.gather(*(store.read(count) for _ in range(20)))
                assert max(seen) == 3 + 1
            await asyncio.gather(*waiting)
            assert store.pressure().limit == 3
        finally:
            await store.close()

    asyncio.run(story())


def test_what_the_server_keeps_back_is_not_for_us(
    postgres: PostgresServer, database: Engine
) -> None:
    settings = postgres.administer(
        "SELECT current_setting('max_connections'), current_setting('superuser_reserved_connections')"
    )
    most, kept = (int(str(value)) for value in settings[0])
    assert kept > 0

    async def story() -> None:
        async with open_store(database) as store:
            for wanted, short in ((most - kept, None), (most - kept + 1, most - kept)):
                read = server_limits.load_short_connections
                assert await store.read(read, wanted=wanted) == short

    asyncio.run(story())


# ── several flows ───────────────────────────────────────────────────────────────────────────────


def test_a_deadlock_runs_one_of_the_flows_again(database: Engine) -> None:
    both_hold_one = threading.Barrier(2)

    def flow(tx: Tx, keys: tuple[str, str]) -> None:
        throttles.lock(tx, keys[0], now=1)
        if not both_hold_one.broken:
            try:
                both_hold_one.wait(PATIENCE_SECONDS)
            except threading.BrokenBarrierError:
                return
        throttles.lock(tx, keys[1], now=2)
        both_hold_one.abort()

    async def story() -> None:
        async with open_store(database) as store:
            await asyncio.gather(store.run(flow, ("a", "b")), store.run(flow, ("b", "a")))
            assert both_hold_one.broken

    asyncio.run(story())


def test_a_row_that_stays_locked_refuses_and_reads_go_on(database: Engine) -> None:
    async def story() -> None:
        async with open_store(database) as store:
            await _save(store, "a")
            with psycopg.connect(database.url) as other:
                other.execute("UPDATE installation SET value = 'held' WHERE name = 'a'")
                waiting = [asyncio.create_task(_save(store, "a")) for _ in range(12)]
                blocked = partial(_waiting_for_rows, other)
                await asyncio.to_thread(wait_until, "nobody waits for the row", blocked)
                assert await store.read(installation.load, "a") == "x"
                first = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                assert isinstance(first[0].pop().exception(), StoreUnavailable)
            await asyncio.gather(*waiting, return_exceptions=True)
            await _save(store, "a")
            assert store.read_now(installation.load, "a") == "x"

    asyncio.run(story())


def test_more_requests_than_may_wait_are_refused_at_once(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_postgres, "MOST_WAITING", 4)
    most = engines.CONNECTIONS + 4

    async def story() -> None:
        async with open_store(database) as store:
            answers = await asyncio.gather(
                *(_save(store, f"{n}") for n in range(most + 5)), return_exceptions=True
            )
            refused = [answer for answer in answers if answer is not None]
            assert [type(answer) for answer in refused] == [StoreUnavailable] * 5
            await _save(store, "later")

    asyncio.run(story())


def test_every_process_that_listens_is_woken(database: Engine) -> None:
    async def story() -> None:
        async with open_store(database) as sender, open_store(database) as listener:
            woken = asyncio.Event()
            listening = asyncio.create_task(listener.listen(woken.set))
            await asyncio.wait_for(
                woken.wait(), PATIENCE_SECONDS
            )  # it looks once when it begins to listen
            for _ in range(3):
                woken.clear()
                sender.announce()
                await asyncio.wait_for(woken.wait(), PATIENCE_SECONDS)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(story())


def test_a_listener_whose_connection_is_cut_listens_again(
    postgres: PostgresServer, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_postgres, "LISTEN_AGAIN_SECONDS", (0,))

    async def story() -> None:
        async with open_store(database) as store:
            woken = asyncio.Event()
            listening = asyncio.create_task(store.listen(woken.set))
            await asyncio.wait_for(woken.wait(), PATIENCE_SECONDS)
            woken.clear()
            _kill_all(postgres)
            await asyncio.wait_for(woken.wait(), PATIENCE_SECONDS)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(story())


# ── the start ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("start", [open_for_start, upgrade_schema])
def test_a_server_that_is_not_there_is_said_without_the_password(
    start: Callable[[Settings], Any],
) -> None:
    url = f"postgresql://me:hush-hush@127.0.0.1:{free_port()}/panel"
    with pytest.raises(StoreUnavailable, match=r"cannot be reached.* Start PostgreSQL") as refused:
        start(_settings(url))
    assert "hush-hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql:u:hush-hush@host/x", "postgresql://USER:PASSWORD@HOST:PORT/NAME"),
        ("postgresql://u:hush-hush@host/x?colour=red", "postgresql://USER:PASSWORD@HOST:PORT"),
        ("postgresql://u:hush-hush@127.0.0.1:port/x", "percent-encoded"),
        ("postgresql://u:hush-hush:w@rd@127.0.0.1/x", "percent-encoded"),
        ("postgresql://u:hush-hush/w@127.0.0.1/x", "percent-encoded"),
        ("postgres://u:12/hush-hush@127.0.0.1/x", "percent-encoded"),
        ("postgresql://u:w?w@hush-hush@127.0.0.1/x", "percent-encoded"),
        ("postgresql://u:w@hush-hush:1/w#d@127.0.0.1/x", "percent-encoded"),
        ("postgresql://u:100%hush-hush@127.0.0.1/x", "percent-encoded"),
    ],
)
@pytest.mark.parametrize("start", [open_for_start, upgrade_schema])
def test_an_address_that_is_none_is_said_without_quoting_it(
    start: Callable[[Settings], Any], url: str, says: str
) -> None:
    with pytest.raises(StartError, match=says) as refused:
        start(_settings(url))
    assert "hush-hush" not in str(refused.value)
    assert address.describe(url) == "the database"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://u:p%40ss%2Fw%3Ard@db.example:5433/panel", "panel on db.example:5433"),
        ("postgres://u:a#b@db.example/panel", "panel on db.example"),
        ("postgresql://u:a?b@db.example/panel?options=@", "panel on db.example"),
        ("postgresql://u@db1,db2:5433/panel", "panel on db1, db2:5433"),
        ("postgresql://u@db1:5432,db2:5433/panel", "panel on db1:5432, db2:5433"),
        ("postgresql://u@[2001:db8::1]:5433/panel", "panel on [2001:db8::1]:5433"),
        ("postgresql://u:p@/panel?host=/run/pg", "panel on the socket in /run/pg"),
        ("postgresql://u@%2Frun%2Fpg/panel", "panel on the socket in /run/pg"),
        ("postgresql:///panel", "panel on this machine's socket"),
        ("postgresql://panel@db.example", "panel on db.example"),
        ("sqlite:////var/lib/twostep/twostep.sqlite3", "/var/lib/twostep/twostep.sqlite3"),
    ],
)
def test_a_database_is_named_as_its_library_reads_the_address(url: str, name: str) -> None:
    assert address.describe(url) == name


def test_a_schema_that_does_not_exist_is_said_so(postgres: PostgresServer) -> None:
    url = f"{postgres.new_database(empty=True)}?options=-csearch_path%3Dnowhere"
    with pytest.raises(StartError, match=r"search_path \(nowhere\).*CREATE SCHEMA"):
        open_for_start(_settings(url))


def test_names_of_statements_are_no_other_process(database: Engine) -> None:
    """Behind a pooler two processes may meet on one connection of the server."""
    names = set()
    for _ in range(2):
        with (
            connections.connect(database.url) as connection,
            closing(Wire(connection, single=True)) as wire,
        ):
            wire.rows(wire.send("SELECT 1", ()))
            names |= set(connection.prepared.values())
    assert len(names) == 2


def test_a_database_that_is_not_there_is_named(postgres: PostgresServer) -> None:
    with pytest.raises(StartError, match='"nowhere" does not exist'):
        open_for_start(_settings(postgres.url("nowhere")))


def test_an_empty_database_asks_for_an_upgrade_and_gets_one(postgres: PostgresServer) -> None:
    url = postgres.new_database(empty=True)
    with pytest.raises(StartError, match="twostep db upgrade"):
        open_for_start(_settings(url))
    upgrade_schema(_settings(url))
    store = open_for_start(_settings(url))
    assert store.schema_version() == schema.HEAD
    asyncio.run(store.close())


@pytest.mark.parametrize(
    ("version", "says"), [("0000", "Run: twostep db upgrade"), ("9999", "newer Twostep")]
)
def test_another_schema_is_named(database: Engine, version: str, says: str) -> None:
    _administer(database, f"UPDATE alembic_version SET version_num = '{version}'")  # noqa: S608  our own
    with pytest.raises(StartError, match=says):
        open_for_start(_settings(database.url))


def test_two_nodes_that_upgrade_at_once_do_not_disturb_each_other(
    postgres: PostgresServer,
) -> None:
    url = postgres.new_database(empty=True)

    async def story() -> None:
        await asyncio.gather(*(asyncio.to_thread(upgrade_schema, _settings(url)) for _ in range(3)))

    asyncio.run(story())
    store = open_for_start(_settings(url))
    assert store.schema_version() == schema.HEAD
    asyncio.run(store.close())


def test_a_database_in_another_encoding_is_refused(postgres: PostgresServer) -> None:
    postgres.administer("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StartError, match="UTF8 is needed"):
        upgrade_schema(_settings(postgres.url("latin")))


def test_without_the_driver_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name
        for name in sys.modules
        if name.startswith(("twostep.store.engine.postgres", "twostep.store.engine.postgres_pool"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg_pool", None)
    with pytest.raises(StartError, match=r"setup EXTRAS=postgresql$"):
        open_for_start(_settings("postgresql://127.0.0.1/x"))


def test_a_pooler_that_changes_connections_is_named(database: Engine) -> None:
    """Behind one in transaction mode, the next transaction's connection knows no prepared statement."""
    with connections.connect(database.url) as connection:
        with closing(Wire(connection, single=True)) as wire:
            wire.rows(wire.send("SELECT 1", ()))
        connection.execute("DEALLOCATE ALL")
        with (
            closing(Wire(connection, single=True)) as wire,
            pytest.raises(connections.OUTAGES) as lost,
        ):
            wire.rows(wire.send("SELECT 1", ()))
    assert "In PgBouncer, set pool_mode = session" in words(lost.value)
