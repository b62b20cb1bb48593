"""`move_rows`: every row arrives as it was, whatever interrupts the copy, and the old database stays."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.engines import Engine, _sqlite_template, open_store
from tests.support.fill import fill_tables
from tests.support.postgres import PostgresServer
from twostep.core.outage import StoreUnavailable
from twostep.flows.operate.move_database import Ends, MoveRefused, MoveStopped, move_rows, reopen
from twostep.store import installation
from twostep.store.engine import address
from twostep.store.engine import open as engines
from twostep.store.move import copy_postgres, copy_rows, copy_sqlite
from twostep.store.move.copy_sides import open_side
from twostep.store.move.copy_tables import COPIED_TABLES
from twostep.store.move_marks import DatabaseMoved


NOW = 1_764_000_000
COUNT = 230
PAGE = 50
DIRECTIONS = [
    ("sqlite", "postgresql"),
    ("postgresql", "sqlite"),
    ("sqlite", "sqlite"),
    ("postgresql", "postgresql"),
]
KILLED_AT_PAGE = """
import os, signal, sys
from twostep.flows.operate.move_database import Ends, move_rows
from twostep.store.move import copy_rows
copy_rows.PAGE = 50
pages = 0
def report(done, total):
    global pages
    pages += 1
    if pages == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
move_rows(Ends(sys.argv[1], sys.argv[2]), now=1, report=report)
"""

Make = Callable[[str], str]


@pytest.fixture(autouse=True)
def _small_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_rows, "PAGE", PAGE)
    monkeypatch.setattr(copy_sqlite, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(copy_postgres, "GONE_SECONDS", 0.5)


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Makes empty databases with the schema, on either engine."""
    made: list[str] = []

    def make(name: str) -> str:
        if name == "sqlite":
            path = tmp_path / f"{len(made)}.sqlite3"
            shutil.copy(_sqlite_template(), path)
            made.append(f"sqlite:///{path}")
        else:
            server: PostgresServer = request.getfixturevalue("postgres")
            made.append(server.new_database())
        return made[-1]

    yield make
    for url in made:
        if url.startswith("postgresql"):
            request.getfixturevalue("postgres").drop_database(url)


@pytest.fixture
def filled(new_database: Make) -> Make:
    """Makes databases with rows in every table."""

    def make(name: str) -> str:
        source = new_database("sqlite")
        path = address.sqlite_path(source)
        assert path is not None
        fill_tables(path, COUNT)
        if name == "sqlite":
            return source
        target = new_database(name)
        _move(source, target)
        _execute(target, "DELETE FROM installation WHERE name = 'copying'")
        return target

    return make


def _move(source: str, target: str, **changes: Any) -> Any:
    return move_rows(
        Ends(source, target), **{"now": NOW, "report": lambda _done, _total: None, **changes}
    )


def _execute(url: str, sql: str) -> list[tuple[Any, ...]]:
    path = address.sqlite_path(url)
    if path is not None:
        with closing(sqlite3.connect(path)) as database:
            rows = database.execute(sql).fetchall()
            database.commit()
            return rows
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def _contents(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row that a copy takes, by table and key."""
    contents = {}
    for table in COPIED_TABLES:
        columns = ", ".join(sorted(row[0] for row in _columns(url, table.name)))
        key = ", ".join(table.key)
        rows = _execute(url, f"SELECT {columns} FROM {table.name} ORDER BY {key}")  # noqa: S608  our own
        contents[table.name] = [
            row for row in rows if table.name != "installation" or row[0] not in copy_rows.OWN_FACTS
        ]
    return contents


def _columns(url: str, table: str) -> list[tuple[Any, ...]]:
    if url.startswith("sqlite"):
        return [(row[1],) for row in _execute(url, f"PRAGMA table_info({table})")]
    asked = f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0"  # noqa: S608  our own
    return _execute(url, asked)


@pytest.mark.parametrize(("old", "new"), DIRECTIONS)
def test_every_row_of_every_table_arrives_as_it_was(
    filled: Make, new_database: Make, old: str, new: str
) -> None:
    source, target = filled(old), new_database(new)
    before = _contents(source)
    assert {name: len(rows) for name, rows in before.items()} == {
        table.name: COUNT for table in COPIED_TABLES
    }
    copied = _move(source, target)
    assert copied.rows == COUNT * len(COPIED_TABLES)
    assert not copied.resumed
    assert _contents(target) == before == _contents(source)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [(*DIRECTIONS[0], 2), (*DIRECTIONS[0], 60), (*DIRECTIONS[1], 3), (*DIRECTIONS[1], 120)],
)
def test_killed_anywhere_it_goes_on_where_it_was(
    filled: Make, new_database: Make, old: str, new: str, place: int
) -> None:
    source, target = filled(old), new_database(new)
    before = _contents(source)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT_PAGE, source, target, str(place)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    reports: list[int] = []
    copied = _move(source, target, report=lambda count, _total: reports.append(count))
    assert reports[0] > 0
    assert copied.resumed
    assert _contents(target) == before


def test_killed_between_the_two_marks_it_begins(filled: Make, new_database: Make) -> None:
    source, target = filled("sqlite"), new_database("sqlite")
    side = open_side(target)
    copy_rows.mark_copying(side, copy_rows.Copying("half"))
    side.close()
    _move(source, target)
    assert _contents(target) == _contents(source)


def test_an_interrupted_copy_says_how_far_it_came(filled: Make, new_database: Make) -> None:
    source, target = filled("sqlite"), new_database("sqlite")

    def interrupt(count: int, _total: int) -> None:
        if count > 100:
            raise KeyboardInterrupt

    with pytest.raises(MoveStopped) as stopped:
        _move(source, target, report=interrupt)
    assert 100 < stopped.value.rows < stopped.value.total
    assert _move(source, target).resumed


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_both_databases_are_refused_until_the_copy_has_ended(
    filled: Make, new_database: Make, name: str
) -> None:
    source, target = filled(name), new_database(name)
    _move(source, target)
    for url, says in ((source, "It was moved to"), (target, "has not ended")):
        store = engines.open_engine(url)
        with pytest.raises(DatabaseMoved, match=says):
            engines.review(store)
        asyncio.run(store.close())


def test_a_node_that_knows_nothing_of_the_move_cannot_write(
    filled: Make, new_database: Make
) -> None:
    """It was started before, and had no connection open when the copy began."""
    source, target = filled("postgresql"), new_database("sqlite")

    def change(tx: Any) -> None:
        tx.do("UPDATE accounts SET name = 'changed'")

    async def story() -> None:
        async with open_store(Engine("postgresql", source)) as node:
            move = asyncio.to_thread(_move, source, target)
            await move
            with pytest.raises(StoreUnavailable, match="this database was moved to"):
                await node.run(change)

    asyncio.run(story())
    assert _contents(target) == _contents(source)


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_a_database_in_use_is_not_moved(filled: Make, new_database: Make, name: str) -> None:
    source, target = filled(name), new_database(name)

    async def story() -> None:
        for busy in (source, target):
            async with open_store(Engine(name, busy)) as node:
                await node.run(installation.save, "a", "x")
                with pytest.raises(MoveRefused, match=r"is in use: .* Stop"):
                    await asyncio.to_thread(_move, source, target)

    asyncio.run(story())


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_a_source_that_was_used_in_between_is_noticed(
    filled: Make, new_database: Make, name: str
) -> None:
    source, target = filled(name), new_database("sqlite")

    def interrupt(count: int, _total: int) -> None:
        if count > 100:
            raise KeyboardInterrupt

    with pytest.raises(MoveStopped):
        _move(source, target, report=interrupt)
    reopened = reopen(source)
    assert reopened is not None
    assert reopen(source) is None
    _execute(source, "UPDATE accounts SET name = 'changed'")
    with pytest.raises(MoveRefused, match="was used since"):
        _move(source, target)
    fresh = new_database("sqlite")
    _move(source, fresh)
    assert _contents(fresh) == _contents(source)


def test_what_was_moved_is_not_moved_again(filled: Make, new_database: Make) -> None:
    source, target = filled("sqlite"), new_database("sqlite")
    _move(source, target)
    with pytest.raises(MoveRefused, match="was moved to"):
        _move(source, new_database("sqlite"))


def test_a_database_without_a_schema_gets_one(
    filled: Make, postgres: PostgresServer, tmp_path: Path
) -> None:
    source = filled("sqlite")
    target = postgres.new_database(empty=True)
    _move(source, target)
    assert _contents(target) == _contents(source)
    postgres.drop_database(target)
    other = filled("sqlite")
    _move(other, f"sqlite:///{tmp_path / 'made' / 'here.sqlite3'}")


# ── what is refused, in one line, without a password ────────────────────────────────────────────


def _refusal(source: str, target: str) -> str:
    with pytest.raises(MoveRefused) as refused:
        _move(source, target)
    text = str(refused.value)
    assert "\n" not in text
    assert "hush-hush" not in text
    return text


def test_the_same_database_twice(filled: Make, tmp_path: Path, new_database: Make) -> None:
    source = filled("sqlite")
    assert "same database" in _refusal(source, source)
    link = tmp_path / "link.sqlite3"
    link.symlink_to(str(address.sqlite_path(source)))
    assert "same database" in _refusal(source, f"sqlite:///{link}")
    url = new_database("postgresql")
    assert "same database" in _refusal(url, url.replace("127.0.0.1", "localhost"))


def test_a_target_that_is_not_empty(filled: Make) -> None:
    assert "is not empty: there are rows in accounts" in _refusal(filled("sqlite"), _other(filled))


def _other(filled: Make) -> str:
    url = filled("postgresql")
    _execute(url, "DELETE FROM installation")
    return url


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("version", "says"), [("0001", "Run: twostep db upgrade"), ("9999", "newer Twostep")]
)
def test_another_schema_at_either_end(
    filled: Make, new_database: Make, name: str, version: str, says: str
) -> None:
    source, target = filled("sqlite"), new_database(name)
    for url in (target, source):
        _execute(url, f"UPDATE alembic_version SET version_num = '{version}'")  # noqa: S608  our own
        assert says in _refusal(source, target)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://me:hush-hush@host/x", "no address of a database"),
        ("hush-hush", "no address of a database"),
        ("postgresql://me:hush-hush@127.0.0.1:1/x", "cannot be reached"),
        ("postgresql:me:hush-hush@host/x", "postgresql://USER:PASSWORD@HOST:PORT/NAME"),
        ("sqlite:////proc/none/x.sqlite3", "x.sqlite3"),
    ],
)
def test_an_address_that_leads_nowhere(filled: Make, url: str, says: str) -> None:
    source = filled("sqlite")
    assert says in _refusal(source, url)
    if not url.startswith("sqlite"):
        assert says in _refusal(url, source)


def test_a_source_that_does_not_exist(new_database: Make, tmp_path: Path) -> None:
    assert "does not exist" in _refusal(f"sqlite:///{tmp_path}/no", new_database("sqlite"))


def test_a_file_that_is_no_database(new_database: Make, tmp_path: Path) -> None:
    path = tmp_path / "text.sqlite3"
    path.write_text("hello " * 1000)
    assert "not a database" in _refusal(f"sqlite:///{path}", new_database("sqlite"))


def test_a_demo_stays_where_it_is(filled: Make, new_database: Make) -> None:
    source = filled("sqlite")
    _execute(source, "INSERT INTO installation VALUES ('demo', 'http://localhost:8080')")
    assert "demo" in _refusal(source, new_database("sqlite"))


def test_a_full_disk_stops_the_copy_and_it_goes_on(
    filled: Make, new_database: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = filled("sqlite"), new_database("sqlite")
    opened = sqlite3.connect

    def small(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection = opened(*arguments, **named)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 40}")
        return connection

    with monkeypatch.context() as patched:
        patched.setattr("twostep.store.move.copy_sqlite.sqlite3.connect", small)
        with pytest.raises(MoveStopped, match="database or disk is full"):
            _move(source, target)
    assert _move(source, target).resumed
    assert _contents(target) == _contents(source)


def test_text_that_the_new_engine_cannot_hold_is_named(filled: Make, new_database: Make) -> None:
    source, target = filled("sqlite"), new_database("postgresql")
    _execute(source, "UPDATE apps SET name = 'a' || char(0) WHERE id = 'apps-000007'")
    message = (
        r"the text name of a row in the table apps holds a NUL .* The row: id = 'apps-000007'$"
    )
    with pytest.raises(MoveStopped, match=message):
        _move(source, target)
    # Once it holds another text, the copy goes on.
    _execute(source, "UPDATE apps SET name = 'a' WHERE id = 'apps-000007'")
    assert _move(source, target).resumed
    assert _contents(target) == _contents(source)


def test_a_row_that_the_new_engine_cannot_hold_is_named_by_a_key_of_several_columns(
    filled: Make, new_database: Make
) -> None:
    source, target = filled("sqlite"), new_database("postgresql")
    ((account, digest),) = _execute(
        source, "SELECT account_id, digest FROM known_browsers ORDER BY 1 DESC, 2 DESC LIMIT 1"
    )
    _execute(
        source,
        "UPDATE known_browsers SET browser = char(0)"  # noqa: S608  our own
        f" WHERE account_id = '{account}' AND digest = x'{digest.hex()}'",
    )
    message = f"The row: account_id = '{account}' AND digest = x'{digest.hex()}'"
    with pytest.raises(MoveStopped, match=re.escape(message)):
        _move(source, target)


def test_the_list_of_tables_is_the_schema(new_database: Make) -> None:
    """Names, keys, and parents before children, on both engines; and nothing that counts by itself."""
    sqlite, postgresql = new_database("sqlite"), new_database("postgresql")
    names = [table.name for table in COPIED_TABLES]
    tables = _execute(sqlite, "SELECT name FROM sqlite_master WHERE type = 'table'")
    assert {row[0] for row in tables} - {"alembic_version"} == set(names)
    tables = _execute(
        postgresql, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    assert {row[0] for row in tables} - {"alembic_version"} == set(names)
    for place, table in enumerate(COPIED_TABLES):
        info = _execute(sqlite, f"PRAGMA table_info({table.name})")
        key = tuple(row[1] for row in sorted(info, key=lambda row: row[5]) if row[5])
        assert key == table.key
        parents = _execute(sqlite, f"PRAGMA foreign_key_list({table.name})")
        assert all(row[2] in names[:place] for row in parents)
    assert _execute(postgresql, "SELECT * FROM pg_sequences") == []
