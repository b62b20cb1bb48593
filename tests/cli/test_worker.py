"""The worker beside servers on PostgreSQL, and why there is none beside SQLite."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import SECONDS, Done, call, environment
from tests.delivery.test_smtp import Mailbox, running
from tests.support.postgres import PostgresServer


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    """An empty database. Its server asks for no password, but one may stand in the address."""
    made = postgres.new_database(empty=True)
    yield made.replace("twostep@", "twostep:hush-hush@")
    postgres.drop_database(made)


@contextmanager
def working(folder: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "twostep", "worker"],
        cwd=folder,
        env={**environment(), **settings},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        assert json.loads(line)["event"] == "worker.ready", line
        assert "hush" not in line
        yield process
    finally:
        process.kill()
        process.wait(SECONDS)
        process.stderr.close()


def test_a_worker_beside_sqlite_has_nothing_to_do(twostep) -> None:
    done: Done = twostep("worker")
    assert done.code == 2
    assert "its server sends messages itself" in done.err


def test_an_installation_on_postgresql_is_made_named_and_worked_for(
    tmp_path: Path, url: str
) -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        settings = {
            "TWOSTEP_DATABASE_URL": url,
            "TWOSTEP_SMTP__HOST": "127.0.0.1",
            "TWOSTEP_SMTP__PORT": str(port),
            "TWOSTEP_SMTP__SECURITY": "none",
            "TWOSTEP_SMTP__FROM": "panel@example.org",
        }
        made = call(
            tmp_path,
            *("init", "--yes", "--public-url", "http://localhost:8099", "--data-dir", "data"),
            *("--operator", "root", "--email", "root@example.com", "--password-stdin"),
            typed="correct horse battery 9\n",
            **settings,
        )
        assert made.code == 0, made.err
        assert [one.name for one in (tmp_path / "data").iterdir()] == ["twostep.key"]
        upgraded = call(tmp_path, "db", "upgrade", **settings)
        assert (upgraded.code, "on 127.0.0.1:" in upgraded.out) == (0, True)
        doctor = call(tmp_path, "doctor", **settings)
        assert (doctor.code, "1 accounts in test_" in doctor.out) == (0, True), doctor.out
        for done in (made, upgraded, doctor):
            assert "hush" not in done.out + done.err
        with working(tmp_path, **settings) as process:
            asked = call(tmp_path, "user", "sessions-end", "root", "--reason", "x", **settings)
            assert asked.code == 0, asked.err
            deadline = time.monotonic() + SECONDS
            while not mailbox.mails:
                assert time.monotonic() < deadline, "the worker sends nothing"
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
            assert process.stderr is not None
            assert json.loads(process.stderr.readlines()[-1])["event"] == "worker.stopped"
    assert mailbox.mails[0].rcpt_tos == ["root@example.com"]
