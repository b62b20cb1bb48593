"""Schema upgrades: in full or not at all, and beside nodes of the version before.

An older program cannot be started here, so the future is made up instead: this program is the old one,
and the migration that comes next is written by the test.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support import house
from tests.support.engines import ENGINES, Engine, open_store
from tests.support.fill import fill_tables
from tests.support.postgres import PostgresServer
from tests.support.product import open_test_product
from twostep.store import installation
from twostep.store import move_marks as copy_marks
from twostep.store.engine import address, schema
from twostep.store.engine import open as engines
from twostep.store.engine.schema import SchemaMismatch
from twostep.store.migrations.versions import v0003_indexes, v0004_counters, v0006_limits
from twostep.store.move.copy_tables import COPIED_TABLES


NEXT = """
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None
compatible_from = "{compatible_from}"

def upgrade():
    {steps}
"""
EXPAND = (
    "op.execute(\"ALTER TABLE accounts ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'\")",
    'op.execute("ALTER TABLE sessions ADD COLUMN colour TEXT")',
    'op.execute("ALTER TABLE audit_records ADD COLUMN colour TEXT")',
    'op.execute("CREATE TABLE colours (name TEXT PRIMARY KEY)")',
    'op.execute("CREATE INDEX accounts_colour ON accounts (colour)")',
)
CONTRACT = ('op.execute("ALTER TABLE accounts DROP COLUMN spare_reminder_at")',)


@pytest.fixture(params=ENGINES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without a schema."""
    if request.param == "sqlite":
        yield Engine("sqlite", f"sqlite:///{tmp_path / 'twostep.sqlite3'}")
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database(empty=True)
    yield Engine("postgresql", url)
    server.drop_database(url)


def _up_to(folder: Path, revision: str) -> Path:
    """The migrations as they were when `revision` was the newest."""
    made = folder / f"migrations-{revision}"
    shutil.copytree(schema.MIGRATIONS, made, ignore=shutil.ignore_patterns("__pycache__"))
    for script in (made / "versions").glob("v*.py"):
        if script.stem[1:5] > revision:
            script.unlink()
    return made


def _next(folder: Path, *steps: str, compatible_from: str = schema.HEAD) -> Path:
    """The migrations as they may be one day."""
    made = folder / "migrations-next"
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(schema.MIGRATIONS, made, ignore=shutil.ignore_patterns("__pycache__"))
    script = NEXT.format(
        head=schema.HEAD, compatible_from=compatible_from, steps="\n    ".join(steps)
    )
    (made / "versions" / "v9999_next.py").write_text(script)
    return made


def _execute(url: str, sql: str) -> list[tuple[Any, ...]]:
    path = address.sqlite_path(url)
    if path is not None:
        with closing(sqlite3.connect(path)) as database:
            return database.execute(sql).fetchall()
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(sql.encode()).fetchall()


def _change(url: str, sql: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.encode())


def _version(url: str) -> str:
    version: str = _execute(url, "SELECT version_num FROM alembic_version")[0][0]
    return version


def _review(engine: Engine) -> None:
    async def story() -> None:
        async with open_store(engine) as store:
            engines.review(store)

    asyncio.run(story())


# ── every migration ─────────────────────────────────────────────────────────────────────────────


def _migrations() -> dict[str, str]:
    """Revision and the oldest schema whose programs work with it."""
    oldest = {}
    for script in sorted((schema.MIGRATIONS / "versions").glob("v*.py")):
        text = script.read_text()
        stated = dict(re.findall(r'^(revision|compatible_from) = "(\d{4})"$', text, re.MULTILINE))
        oldest[stated["revision"]] = stated["compatible_from"]
    return oldest


def test_each_says_which_programs_work_with_it() -> None:
    migrations = _migrations()
    assert max(migrations) == schema.HEAD
    assert all(
        oldest in migrations and oldest <= revision for revision, oldest in migrations.items()
    )


def _columns(url: str) -> dict[tuple[str, str], tuple[str, bool, bool]]:
    """Type, whether NOT NULL, and whether there is a default, by table and column."""
    if url.startswith("sqlite"):
        tables = [r[0] for r in _execute(url, "SELECT name FROM sqlite_master WHERE type='table'")]
        return {
            (table, row[1]): (row[2], bool(row[3]), row[4] is not None)
            for table in tables
            for row in _execute(url, f"PRAGMA table_info({table})")
        }
    asked = (
        "SELECT table_name, column_name, data_type || coalesce(collation_name, ''), is_nullable ="
        " 'NO', column_default IS NOT NULL FROM information_schema.columns"
        " WHERE table_schema = 'public'"
    )
    return {(row[0], row[1]): (row[2], row[3], row[4]) for row in _execute(url, asked)}


def _rules(url: str) -> set[tuple[Any, ...]]:
    """What a row has to keep to: unique columns, references, checks; each with its table."""
    if url.startswith("postgresql"):
        asked = (
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE"
            " contype <> 'n' AND conrelid <> 0 AND connamespace = 'public'::regnamespace"
            " UNION SELECT tablename, indexdef FROM pg_indexes WHERE indexdef LIKE 'CREATE UNIQUE%'"
            " AND schemaname = 'public'"
        )
        return set(_execute(url, asked))
    rules: set[tuple[Any, ...]] = set()
    for (table,) in _execute(url, "SELECT name FROM sqlite_master WHERE type='table'"):
        rules |= {(table, *row[2:5]) for row in _execute(url, f"PRAGMA foreign_key_list({table})")}
        for row in _execute(url, f"PRAGMA index_list({table})"):
            if row[2]:
                columns = _execute(url, f"PRAGMA index_info({row[1]})")
                rules.add((table, *(column[2] for column in columns)))
    return rules


@pytest.mark.parametrize(
    ("revision", "oldest"),
    [migration for migration in _migrations().items() if migration[0] != migration[1]],
)
def test_what_it_calls_compatible_only_adds(
    empty: Engine, tmp_path: Path, revision: str, oldest: str
) -> None:
    """Nothing that the older program reads or leaves out may be gone, changed or asked for."""
    schema.upgrade(empty.url, migrations=_up_to(tmp_path, oldest))
    columns, rules = _columns(empty.url), _rules(empty.url)
    tables = {table for table, _ in columns}
    schema.upgrade(empty.url, migrations=_up_to(tmp_path, revision))
    now = _columns(empty.url)
    assert {place: now.get(place) for place in columns} == columns
    added = {place: column for place, column in now.items() if place not in columns}
    assert [
        place
        for place, (_, needed, has_default) in added.items()
        if place[0] in tables and needed and not has_default
    ] == []
    assert [rule for rule in _rules(empty.url) - rules if rule[0] in tables] == []
    assert _execute(
        empty.url,
        f"SELECT value FROM installation WHERE name = '{schema.COMPATIBLE_FROM}'",  # noqa: S608  our own
    ) == [(f"{revision} {oldest}",)]


# What migrations write: which programs a schema serves, and that chains have no tags yet.
SCHEMA_FACTS = {"schema_compatible_from", "audit_untagged"}


def test_rows_of_the_schema_before_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    before = sorted(_migrations())[-2]
    schema.upgrade(f"sqlite:///{path}", migrations=_up_to(tmp_path, before))
    fill_tables(path, 20)
    names = _execute(f"sqlite:///{path}", "SELECT name FROM sqlite_master WHERE type = 'table'")
    before_it = [table for table in COPIED_TABLES if (table.name,) in names]
    old = Engine("sqlite", f"sqlite:///{path}")
    there = {row[0] for row in _execute(old.url, "SELECT name FROM sqlite_master")}
    with pytest.raises(SchemaMismatch, match=r"is needed\. Run: twostep db upgrade"):
        _review(old)
    schema.upgrade(old.url)
    _review(old)
    for table in before_it:
        names = ",".join(table.key)
        keys = _execute(old.url, f"SELECT {names} FROM {table.name}")  # noqa: S608  our own
        assert sum(key[0] not in SCHEMA_FACTS for key in keys) == (
            20 if table.name in there else 0
        ), table.name


# ── a newer schema than the program knows ───────────────────────────────────────────────────────


def test_an_expanded_schema_carries_the_old_program(
    empty: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of it: started anew, it is ready, people set up and sign in, the trail is written."""
    schema.upgrade(empty.url, migrations=_next(tmp_path, *EXPAND))
    _review(empty)
    monkeypatch.setattr(house, "database_url", lambda *_, **_named: empty.url)
    with open_test_product(tmp_path) as product:
        alice = product.add_account()
        owner = product.browser()
        owner.sign_in()
        entry = owner.enroll_app()
        owner.add_phone()
        owner.make_codes()
        product.clock.forward(60)
        other = product.browser(network="203.0.113.5")
        other.sign_in()
        assert other.post("/sign-in/code", code=entry.code()).status_code == 303
        assert other.get("/settings/activity").status_code == 200
        assert other.get("/readyz").status_code == 200
        assert len(product.events(alice)) > 5
    assert _execute(empty.url, "SELECT DISTINCT colour FROM accounts") == [("red",)]


def test_a_contracted_schema_is_refused_by_the_old_program(empty: Engine, tmp_path: Path) -> None:
    schema.upgrade(empty.url, migrations=_next(tmp_path, *CONTRACT, compatible_from="9999"))
    with pytest.raises(SchemaMismatch, match=r"serves programs of schema 9999 and later.*Install"):
        _review(empty)
    with pytest.raises(SchemaMismatch, match="newer Twostep"):
        schema.upgrade(empty.url)


def test_a_running_program_is_ready_as_long_as_it_might_start(
    empty: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise every old node leaves the proxy at the moment of an upgrade."""
    schema.upgrade(empty.url)
    monkeypatch.setattr(house, "database_url", lambda *_, **_named: empty.url)
    with open_test_product(tmp_path) as product:
        browser = product.browser()
        assert browser.get("/readyz").status_code == 200
        schema.upgrade(empty.url, migrations=_next(tmp_path, *EXPAND))
        assert browser.get("/readyz").status_code == 200
        compatible = schema.compatibility("9999", "9999")
        product.run(product.env.store.run(installation.save, schema.COMPATIBLE_FROM, compatible))
        assert browser.get("/readyz").status_code == 503
        compatible = schema.compatibility("9999", schema.HEAD)
        product.run(product.env.store.run(installation.save, schema.COMPATIBLE_FROM, compatible))
        assert browser.get("/readyz").status_code == 200
        moved = copy_marks.Moved("x", "elsewhere", 1).text()
        product.run(product.env.store.run(installation.save, copy_marks.MOVED, moved))
        assert browser.get("/readyz").status_code == 503


def test_a_newer_schema_that_says_nothing_is_refused(empty: Engine, tmp_path: Path) -> None:
    schema.upgrade(empty.url, migrations=_next(tmp_path, *EXPAND))

    async def forget() -> None:
        async with open_store(empty) as store:
            await store.run(installation.remove, schema.COMPATIBLE_FROM)

    asyncio.run(forget())
    with pytest.raises(SchemaMismatch, match=r"newer Twostep than this one \(schema \d+\)\. "):
        _review(empty)


def test_a_node_goes_on_while_the_schema_is_expanded(empty: Engine, tmp_path: Path) -> None:
    schema.upgrade(empty.url)
    future = _next(tmp_path, *EXPAND)

    async def story() -> int:
        async with open_store(empty) as store:
            upgrade = asyncio.create_task(
                asyncio.to_thread(schema.upgrade, empty.url, migrations=future)
            )
            written = 0
            while not upgrade.done() or written < 20:
                await store.run(installation.save, "a", str(written))
                assert await store.read(installation.load, "a") == str(written)
                written += 1
            await upgrade
            return written

    assert asyncio.run(story()) >= 20
    assert _version(empty.url) == "9999"


# ── in full or not at all ───────────────────────────────────────────────────────────────────────


def test_a_migration_that_breaks_leaves_nothing(empty: Engine, tmp_path: Path) -> None:
    schema.upgrade(empty.url)
    with pytest.raises(SchemaMismatch):
        schema.upgrade(
            empty.url, migrations=_next(tmp_path, *EXPAND, 'op.execute("ALTER TABLE none_such X")')
        )
    assert _version(empty.url) == schema.HEAD
    assert ("accounts", "colour") not in _columns(empty.url)
    _review(empty)
    schema.upgrade(empty.url, migrations=_next(tmp_path, *EXPAND))
    assert _version(empty.url) == "9999"


def test_a_migration_that_is_killed_leaves_nothing(empty: Engine, tmp_path: Path) -> None:
    schema.upgrade(empty.url)
    deadly = _next(tmp_path, *EXPAND, "import os; os.kill(os.getpid(), 9)")
    code = (
        "import sys; from pathlib import Path; from twostep.store.engine import schema;"
        " schema.upgrade(sys.argv[1], migrations=Path(sys.argv[2]))"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code, empty.url, deadly], timeout=60, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert _version(empty.url) == schema.HEAD
    assert ("accounts", "colour") not in _columns(empty.url)
    schema.upgrade(empty.url, migrations=_next(tmp_path, *EXPAND))
    assert _version(empty.url) == "9999"


def test_an_upgrade_does_not_wait_long_for_a_table(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for a whole table holds up everybody who comes later."""
    monkeypatch.setattr(schema, "_TABLE_WAIT", "200ms")
    url = postgres.new_database()
    future = _next(tmp_path, *EXPAND)
    with psycopg.connect(url) as busy:
        busy.execute("SELECT * FROM sessions")
        with pytest.raises(SchemaMismatch, match="in use for longer than 200ms"):
            schema.upgrade(url, migrations=future)
        assert _version(url) == schema.HEAD
    schema.upgrade(url, migrations=future)
    assert _version(url) == "9999"
    postgres.drop_database(url)


def test_indexes_that_were_made_by_hand_first_are_left_as_they_are(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    """What the changelog tells the owners of large tables to do."""
    url = postgres.new_database(empty=True)
    schema.upgrade(url, migrations=_up_to(tmp_path, "0002"))
    numbers = "SELECT relname, oid FROM pg_class WHERE relkind = 'i'"
    before = set(_execute(url, numbers))
    for statement in (
        *v0003_indexes.STATEMENTS,
        *v0004_counters.STATEMENTS,
        *v0006_limits.STATEMENTS,
    ):
        if "CREATE INDEX IF NOT EXISTS" in statement:
            _change(url, statement.replace("INDEX", "INDEX CONCURRENTLY", 1))
    by_hand = set(_execute(url, numbers)) - before
    assert len(by_hand) == 12
    schema.upgrade(url)
    assert _version(url) == schema.HEAD
    assert by_hand <= set(_execute(url, numbers))
    postgres.drop_database(url)


def test_two_upgrades_at_once_do_not_disturb_each_other(empty: Engine) -> None:
    errors: list[Exception] = []

    def upgrade() -> None:
        try:
            schema.upgrade(empty.url)
        except SchemaMismatch as error:
            errors.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert _version(empty.url) == schema.HEAD
