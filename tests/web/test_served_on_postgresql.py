"""`twostep init` and `twostep serve` on PostgreSQL, and one person's way through them over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.support.house import PASSWORD
from tests.support.nodes import Installation, Node, install
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
def installed(tmp_path: Path, postgres: PostgresServer) -> Iterator[tuple[Installation, Node]]:
    url = postgres.new_database(empty=True)
    port = free_port()
    made = install(tmp_path, url, TWOSTEP_PUBLIC_URL=f"http://localhost:{port}")
    made.call(
        "user", "add", "alice", "--email", "a@example.com", "--password-stdin", typed=PASSWORD
    )
    with made.run("serve", port=port) as node:
        yield made, node
    postgres.drop_database(url)


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
