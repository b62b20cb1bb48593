"""`twostep init` and `twostep serve` on PostgreSQL, and one person's way through them over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2 as httpx
import psycopg
import pytest

from tests.support.house import PASSWORD
from tests.support.nodes import Installation, Node, install
from tests.support.pooler import run_pooler
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.product import backup_codes, decode_secret, setup_uri, words
from tests.support.waiting import PATIENCE_SECONDS
from twostep.core.methods import totp


NEW_APP = "/settings/security/app/new"
CODES = "/settings/security/codes"


@dataclass
class Person:
    """A browser, and an app that is a step ahead of every code before."""

    client: httpx.Client
    url: str
    secret: bytes = b""
    step: int = 0

    def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form; must be taken."""
        answer = self.client.post(path, data=fields, headers={"origin": self.url})
        assert answer.status_code == 303, words(answer)
        return answer

    def code(self) -> str:
        """The next code that the server takes: a step may be one ahead of the clock."""
        now = int(time.time())  # noqa: TID251  the server's clock
        self.step = max(self.step + 1, now // 30)
        return totp.at(self.secret, self.step)

    def sign_in(self) -> str:
        """The first step; where it leads."""
        return self.post("/sign-in", username="alice", password=PASSWORD).headers["location"]


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.new_database(empty=True)
    yield url
    postgres.drop_database(url)


@pytest.fixture(params=["direct", "through PgBouncer"])
def installed(
    tmp_path: Path, database_url: str, request: pytest.FixtureRequest
) -> Iterator[tuple[Installation, Node]]:
    port = free_port()
    with ExitStack() as stack:
        if request.param != "direct":
            pooler = run_pooler(tmp_path / "pooler", database_url, "session")
            database_url = stack.enter_context(pooler)
        made = install(tmp_path, database_url, TWOSTEP_PUBLIC_URL=f"http://localhost:{port}")
        _add(made, "alice")
        yield made, stack.enter_context(made.run("serve", port=port))


def _add(made: Installation, name: str) -> None:
    email = f"{name}@example.com"
    made.call("user", "add", name, "--email", email, "--password-stdin", typed=PASSWORD)


def test_signing_in_setting_up_and_signing_in_again(installed: tuple[Installation, Node]) -> None:
    made, node = installed
    url = f"http://localhost:{node.address[1]}"
    with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
        alice = Person(client, url)
        alice.sign_in()
        alice.secret = decode_secret(setup_uri(client.get(NEW_APP)))
        alice.post(NEW_APP, code=alice.code())
        alice.post(CODES)
        codes = backup_codes(client.get(CODES))
        alice.post(CODES, proof=codes[0])
        for typed in (alice.code, lambda: codes[1]):
            alice.post("/sign-out")
            step = alice.sign_in()
            assert client.get("/settings/security").status_code == 303
            alice.post(step, code=typed())
            assert client.get("/settings/security").status_code == 200
        alice.post("/sign-out")
        step = alice.sign_in()
        again = client.post(step, data={"code": codes[1]}, headers={"origin": url})
        assert again.status_code == 422
        assert "already used" in words(again)
    assert node.faults() == []
    assert node.stop() == 0
    made.verify_audit()


def test_a_pooler_that_hands_connections_around_is_refused(
    tmp_path: Path, database_url: str
) -> None:
    made = install(tmp_path, database_url)
    _add(made, "alice")
    with run_pooler(tmp_path / "pooler", database_url, "transaction") as address:
        through = replace(made, settings={**made.settings, "TWOSTEP_DATABASE_URL": address})
        # Two at once make PgBouncer open several connections, to hand around afterwards.
        with psycopg.connect(address) as first, psycopg.connect(address) as second:
            for connection in (first, second):
                connection.execute("SELECT 1")
        for verb in (("user", "disable", "alice", "--reason", "x"), ("serve",)):
            result = through.try_call(*verb)
            assert result.returncode == 75, result
            assert "In PgBouncer, set pool_mode = session" in result.stderr.splitlines()[-1]
    assert "disabled" not in made.call("user", "list")
