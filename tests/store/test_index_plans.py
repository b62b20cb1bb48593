"""No statement of a sign-in, a signed-in page, the outbox or tidying up reads a whole table.

The real product runs on a database whose every table holds some thousand rows; each statement it sends
is taken down and explained by the engine itself.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support import house
from tests.support.engines import ENGINES, Engine, _sqlite_template, open_store
from tests.support.fill import fill_like, fill_tables
from tests.support.house import START
from tests.support.postgres import PostgresServer
from tests.support.product import TestProduct, open_test_product
from twostep.flows.audit.checkpoint import checkpoint_all
from twostep.flows.operate.purge import purge
from twostep.store.audit import refusals, trail
from twostep.store.engine import postgres_transaction
from twostep.store.engine import sqlite as engine_sqlite
from twostep.store.messages import outbox, sends
from twostep.store.move.copy_tables import COPIED_TABLES
from twostep.store.sign_in import throttles
from twostep.store.tx import Tx


ROWS = 4000
HOUR = 3600
# Read from one end or whole, and right so.
WHOLE = {
    "provider_states": "a row for each provider",
    "provider_tries": "a row a day for each provider, of 90 days",
    "opt_outs": "numbers that said STOP in the last 30 days",
    "audit_changed": "taken whole by each checkpoint, 2,000 at most",
    "audit_checkpoints": "from its newest or oldest one",
    "throttles_strangers": "as many as the lid lets in, and a batch",
    "outbox_due": "messages that wait, and no others",
}

TABLES = {table.name for table in COPIED_TABLES}


@dataclass
class Asked:
    """The statements that were sent, each with the values of its first time."""

    statements: dict[str, dict[str, Any]] = field(default_factory=dict)

    def note(self, sql: str, values: dict[str, Any]) -> None:
        self.statements.setdefault(sql, values)


@pytest.fixture(scope="module", params=ENGINES)
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("filled") / "twostep.sqlite3"
    shutil.copy(_sqlite_template(), path)
    fill_tables(path, ROWS, first_instant=START + 30 * HOUR)
    if request.param == "sqlite":
        yield Engine("sqlite", f"sqlite:///{path}")
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database()
    fill_like(path, url)
    yield Engine("postgresql", url)
    server.drop_database(url)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    statements = Asked()
    for kind in (engine_sqlite._Transaction, postgres_transaction.Transaction):
        for name in ("run", "do", "first", "all"):
            monkeypatch.setattr(kind, name, _noting(statements, getattr(kind, name)))
    return statements


def _noting(asked: Asked, method: Callable[..., Any]) -> Callable[..., Any]:
    def noting(self: Any, sql: str, **values: Any) -> Any:
        asked.note(sql, values)
        return method(self, sql, **values)

    return noting


def _live(product: TestProduct) -> None:
    """Set everything up, sign in by each way, look at every page, tidy up."""
    product.add_account()
    product.add_account("bob")
    owner = product.browser()
    owner.sign_in()
    entry = owner.enroll_app()
    phone = owner.add_phone()
    codes = owner.make_codes()
    product.clock.forward(60)
    for way in ("app", "wrong", "text", "backup"):
        other = product.browser(network="203.0.113.5")
        other.sign_in(password="wrong " * 4)
        other.sign_in()
        if way == "text":
            assert other.post("/sign-in/send", method=phone, channel="sms").status_code == 303
        typed = {
            "app": entry.code,
            "wrong": lambda: "123456",
            "text": product.newest_code,
            "backup": lambda: codes[4],
        }[way]()
        answer = other.post("/sign-in/code", code=typed)
        assert (answer.status_code == 303) == (way != "wrong")
    for page in ("", "/profile", "/emails", "/security", "/sessions", "/activity", "/activity.csv"):
        assert other.get(f"/settings{page}").status_code == 200, page
    assert other.get("/api/session").status_code == 200
    other.sign_in("bob")  # a browser that another account knows
    other.post("/forgot-password", identifier="alice")
    product.deliver()
    product.run(checkpoint_all(product.house.by()))
    product.run(product.house.by().do(purge))


def _explain(engine: Engine, statements: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What is wrong with a statement's plan, by statement."""
    judge = _judge_sqlite if engine.name == "sqlite" else _judge_postgresql

    def judge_all(tx: Tx) -> dict[str, str]:
        problems = {}
        for sql, values in statements.items():
            if problem := judge(tx, sql, values):
                problems[sql] = problem
        return problems

    async def story() -> dict[str, str]:
        async with open_store(engine) as store:
            return store.read_now(judge_all)

    return asyncio.run(story())


def _judge_sqlite(tx: Tx, sql: str, values: dict[str, Any]) -> str:
    steps = [row[3] for row in tx.all(f"EXPLAIN QUERY PLAN {sql}", **values)]
    scanned = [step for step in steps if step.startswith("SCAN")]
    whole = [step for step in scanned if not set(step.split()) & WHOLE.keys()]
    return ", ".join(step for step in whole if step.split()[1] in TABLES)


def _judge_postgresql(tx: Tx, sql: str, values: dict[str, Any]) -> str:
    plan = tx.all(f"EXPLAIN (FORMAT JSON) {sql}", **values)[0][0]
    return ", ".join(_scanned((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))


def _scanned(node: dict[str, Any]) -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name", "")
    by_index = kind.startswith(("Index", "Bitmap Index"))
    whole = kind == "Seq Scan" or (by_index and "Index Cond" not in node)
    if whole and not {table, node.get("Index Name")} & WHOLE.keys():
        yield f"{table} {node.get('Index Name', '')}"
    for child in node.get("Plans", ()):
        yield from _scanned(child)


def test_no_statement_reads_a_whole_table(
    filled: Engine, asked: Asked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(house, "database_url", lambda *_, **_named: filled.url)
    with open_test_product(tmp_path) as product:
        _live(product)
    assert len(asked.statements) > 80
    assert _explain(filled, dict(asked.statements)) == {}


def test_a_lid_on_strangers_counters_reads_no_others(filled: Engine, asked: Asked) -> None:
    """The lid is reached here, so that all of it runs."""

    def purge_all(tx: Tx) -> None:
        for key in ("password.network:a", "code.network:b"):
            throttles.lock(tx, key, now=START + 31 * HOUR)
        assert throttles.purge_strangers(tx, before=START + 30 * HOUR, most=0, limit=9) >= 2
        throttles.purge(tx, before=START + 30 * HOUR, limit=9)

    async def story() -> None:
        async with open_store(filled) as store:
            await store.run(purge_all)

    asyncio.run(story())
    assert sum("password/" in sql for sql in asked.statements) == 3
    assert _explain(filled, dict(asked.statements)) == {}


def test_the_history_of_one_kind_is_read_by_an_index(filled: Engine, asked: Asked) -> None:
    def look(tx: Tx) -> None:
        chain = tx.all("SELECT chain FROM audit_records LIMIT 1")[0][0]
        asked.statements.clear()
        kinds = ("app.added", "app.removed")
        trail.list_newest_of(tx, chain, kinds, before_seq=2**62, limit=50)
        trail.list_newest(tx, chain, before_seq=2**62, limit=50)
        trail.has_event(tx, chain, "sign_in.completed")
        refusals.list_waiting(tx, before=START, limit=50)

    async def story() -> None:
        async with open_store(filled) as store:
            store.read_now(look)

    asyncio.run(story())
    assert len(asked.statements) == 4
    assert _explain(filled, dict(asked.statements)) == {}


def test_a_scrape_reads_the_last_day_alone(filled: Engine, asked: Asked) -> None:
    since = START + 30 * HOUR + ROWS - 9

    def look(tx: Tx) -> None:
        outbox.count_waiting(tx)
        outbox.count_finished(tx, since=since)
        sends.tally(tx, since=since)
        sends.list_speeds(tx, since=since, limit=1000)

    async def story() -> None:
        async with open_store(filled) as store:
            store.read_now(look)

    asyncio.run(story())
    assert len(asked.statements) >= 4
    assert _explain(filled, dict(asked.statements)) == {}


def test_a_statement_without_an_index_is_noticed(filled: Engine) -> None:
    for sql, values in (
        ("SELECT id FROM accounts WHERE language = :a", {"a": "x"}),
        ("DELETE FROM sessions WHERE network = :a", {"a": "x"}),
        ("SELECT id FROM sessions WHERE seen_at < :a ORDER BY id LIMIT 5", {"a": 1}),
    ):
        assert _explain(filled, {sql: values})
