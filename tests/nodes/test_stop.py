"""A stop loses nothing: what is in hand is answered, what is being sent goes on elsewhere at once."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.delivery.mail.test_smtp import Mailbox, running
from tests.support.engines import ENGINES
from tests.support.nodes import HOST, Installation, Node, install
from tests.support.postgres import PostgresServer
from tests.support.waiting import PATIENCE_SECONDS, wait_until
from twostep.flows.messages.outbox import LEASE_SECONDS


PASSWORD = "correct horse battery 9"
BODY = f"username=bob&password={PASSWORD.replace(' ', '+')}".encode()
STOPPED_SECONDS = 8
HEAD = (
    f"POST /sign-in HTTP/1.1\r\nHost: {HOST}\r\nOrigin: https://{HOST}\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n"
    f"Content-Length: {len(BODY)}\r\nExpect: 100-continue\r\n\r\n"
).encode()
MAIL = {
    "TWOSTEP_SMTP__HOST": "127.0.0.1",
    "TWOSTEP_SMTP__SECURITY": "none",
    "TWOSTEP_SMTP__FROM": "panel@example.org",
}


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a database goes, once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/data/twostep.sqlite3"
    else:
        yield request.getfixturevalue("on_postgresql")


@pytest.fixture
def on_postgresql(postgres: PostgresServer) -> Iterator[str]:
    made = postgres.new_database()
    yield made
    postgres.drop_database(made)


def installed(folder: Path, url: str, **settings: str) -> Installation:
    made = install(folder, url, **settings)
    made.call(
        "user", "add", "bob", "--email", "bob@example.com", "--password-stdin", typed=PASSWORD
    )
    return made


def connect(node: Node) -> socket.socket:
    return socket.create_connection(node.address, timeout=PATIENCE_SECONDS)


def is_refused(node: Node) -> bool:
    try:
        connect(node).close()
    except ConnectionRefusedError:
        return True
    return False


def read_all(connection: socket.socket) -> bytes:
    pieces = []
    while piece := connection.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)


def test_a_stop_answers_what_is_in_hand_and_takes_nothing_new(url: str, tmp_path: Path) -> None:
    with installed(tmp_path, url).nodes(1) as (node,), connect(node) as busy, connect(node) as idle:
        busy.sendall(HEAD)
        assert busy.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"  # the request is in hand
        node.process.terminate()
        wait_until("it takes connections still", lambda: is_refused(node))
        assert read_all(idle) == b""  # closed without a word
        assert node.process.poll() is None
        busy.sendall(BODY)
        answer = read_all(busy)
        assert answer.startswith(b"HTTP/1.1 303 "), answer
        assert b"__Host-twostep=" in answer
        assert node.process.wait(PATIENCE_SECONDS) == 0
        assert node.faults() == []
        assert node.said[-1]["event"] == "serve.stopped"


@contextmanager
def silent_server() -> Iterator[socket.socket]:
    """A mail server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE_SECONDS)
        yield listening


def stops_while_sending(folder: Path, url: str, verb: str) -> None:
    """Stop a process in the middle of a mail; another sends it before the lease is over."""
    mailbox = Mailbox()
    with silent_server() as silent, running(mailbox) as port:
        at = {"TWOSTEP_SMTP__PORT": str(silent.getsockname()[1])}
        installation = installed(folder, url, **MAIL, **at)
        with installation.run(verb) as node:
            installation.call("user", "sessions-end", "bob", "--reason", "x")
            start = time.monotonic()  # the lease begins later
            held, _ = silent.accept()
            with held:
                signalled = time.monotonic()
                assert node.stop() == 0
                assert time.monotonic() - signalled < STOPPED_SECONDS
            assert node.faults() == []
            installation.settings["TWOSTEP_SMTP__PORT"] = str(port)
            with installation.run(verb):
                wait_until("the mail is not sent again", lambda: mailbox.mails)
            assert time.monotonic() - start < LEASE_SECONDS
    assert [mail.rcpt_tos for mail in mailbox.mails] == [["bob@example.com"]]


def test_what_a_server_was_sending_is_sent_after_the_next_start_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/data/twostep.sqlite3"
    stops_while_sending(tmp_path, url, "serve")


def test_what_a_worker_was_sending_goes_on_elsewhere_at_once(
    on_postgresql: str, tmp_path: Path
) -> None:
    stops_while_sending(tmp_path, on_postgresql, "worker")
