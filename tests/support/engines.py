"""Every test of the store on both engines: ask for `engine`, open stores on it.

def test_something(engine: Engine) -> None:
    async def story() -> None:
        async with open_store(engine) as store: …
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from tests.support.postgres import PostgresServer, patient_pools
from twostep.store.engine import open as engines
from twostep.store.engine import schema
from twostep.store.tx import Store


P = ParamSpec("P")
T = TypeVar("T")
ENGINES = ("sqlite", "postgresql")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--engine postgresql`: what runs on one engine only runs on this one."""
    parser.addoption("--engine", choices=ENGINES, default=ENGINES[0])


@dataclass(frozen=True)
class Engine:
    """A fresh database with the schema. `url`: as `database_url` takes it."""

    name: str
    url: str


@cache
def _sqlite_template() -> Path:
    path = Path(tempfile.mkdtemp(prefix="twostep-schema-")) / "empty.sqlite3"
    schema.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database of the test's own, once on each engine."""
    if request.param == "sqlite":
        path = tmp_path / "twostep.sqlite3"
        shutil.copy(_sqlite_template(), path)
        yield Engine("sqlite", f"sqlite:///{path}")
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.lend_database()
    with patient_pools():
        yield Engine("postgresql", url)
    server.give_back(url)


@asynccontextmanager
async def open_store(engine: Engine) -> AsyncIterator[Store]:
    """One process's store. Several may be open on PostgreSQL, as on several nodes."""
    store = engines.open_engine(engine.url)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture(scope="module")
def one_database_each(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Engine, Engine]]:
    """A database on each engine for a whole module, whose tests undo what they do."""
    path = tmp_path_factory.mktemp("each") / "twostep.sqlite3"
    shutil.copy(_sqlite_template(), path)
    url = postgres.new_database()
    yield Engine("sqlite", f"sqlite:///{path}"), Engine("postgresql", url)
    postgres.drop_database(url)
