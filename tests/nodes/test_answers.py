"""Several nodes on one PostgreSQL, through their doors: what people are answered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg
import pytest

from tests.support.crowd import Ledger, Person, Tally, Window, new_client, new_ledgers
from tests.support.nodes import Node, install
from tests.support.postgres import PostgresServer
from twostep.core.methods import totp


TOGETHER = 20
CUT_AT_COMMIT = """
CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON sessions
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut();
"""


@dataclass(frozen=True)
class Panel:
    """Three nodes, their database, and accounts with an app each."""

    nodes: list[Node]
    url: str
    ledgers: Iterator[Ledger]

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes]


@pytest.fixture(scope="module")
def panel(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    url = postgres.new_database()
    installed = install(tmp_path_factory.mktemp("panel"), url)
    ledgers = new_ledgers(installed.seed(10))
    with installed.nodes(3) as nodes:
        yield Panel(nodes, url, ledgers)
    postgres.drop_database(url)


async def post_together(ledger: Ledger, urls: list[str]) -> tuple[list[int], Tally]:
    """The first step in many browsers, then one code of the app from all of them at once."""
    async with new_client(ledger) as client:
        person = Person(ledger, urls, client, Tally())
        windows: list[Window] = [await person.half() for _ in range(TOGETHER)]
        code = totp.at(ledger.secret, int(time.time()) // 30)  # noqa: TID251  the servers' real time
        answers = await asyncio.gather(
            *(window.post("/sign-in/code", code=code) for window in windows)
        )
        return [answer.status_code for answer in answers], person.tally


@pytest.mark.row("OTP-09")
def test_twenty_posts_of_one_code_to_three_nodes_have_one_winner(panel: Panel) -> None:
    statuses, tally = asyncio.run(post_together(next(panel.ledgers), panel.urls))
    assert Counter(statuses) == {303: 1, 422: TOGETHER - 1}
    assert tally.problems == []
    assert [fault for node in panel.nodes for fault in node.faults()] == []


def test_a_connection_that_is_lost_at_commit_is_no_promise_that_nothing_changed(
    panel: Panel,
) -> None:
    async def sign_in(ledger: Ledger) -> str:
        async with new_client(ledger) as client:
            window = Window(client, panel.urls[0], Tally())
            form = {"username": ledger.name, "password": ledger.password}
            answer = await window.post("/sign-in", **form)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            return answer.text

    with ExitStack() as stack:
        database = stack.enter_context(psycopg.connect(panel.url, autocommit=True))
        database.execute(CUT_AT_COMMIT)
        stack.callback(database.execute, "DROP TRIGGER cut ON sessions")
        text = asyncio.run(sign_in(next(panel.ledgers)))
    assert "know whether your change was saved" in text
    assert "Nothing was changed" not in text
