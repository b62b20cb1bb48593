"""The worker beside servers on PostgreSQL, and why there is none beside SQLite."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.cli.conftest import SECONDS, call, environment
from tests.delivery.mail.test_smtp import Mailbox, running
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until
from tests.web.metrics.test_metrics import read


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
        said = []
        for line in process.stderr:
            said.append(json.loads(line)["event"])
            assert "hush" not in line
            if said[-1] == "worker.ready":
                break
        assert said[-1:] == ["worker.ready"], said
        yield process
    finally:
        process.kill()
        process.wait(SECONDS)
        process.stderr.close()


def test_a_worker_beside_sqlite_has_nothing_to_do(folder: Path) -> None:
    result = call(folder, "worker")
    assert result.code == 2
    assert "its server sends messages itself" in result.err


@pytest.fixture
def installed(tmp_path: Path, url: str) -> tuple[Path, dict[str, str]]:
    """An installation whose database is PostgreSQL, and the settings that say so."""
    settings = {"TWOSTEP_DATABASE_URL": url}
    made = call(
        tmp_path,
        *("init", "--yes", "--public-url", "http://localhost:8099", "--data-dir", "data"),
        *("--operator", "root", "--email", "root@example.com", "--password-stdin"),
        typed="correct horse battery 9\n",
        **settings,
    )
    assert made.code == 0, made.err
    assert "hush" not in made.out + made.err
    return tmp_path, settings


def test_an_installation_on_postgresql_is_made_and_named_without_its_password(
    installed: tuple[Path, dict[str, str]],
) -> None:
    folder, settings = installed
    assert [file.name for file in (folder / "data").iterdir()] == ["twostep.key"]
    result = call(folder, "db", "upgrade", **settings)
    assert (result.code, "on 127.0.0.1:" in result.out) == (0, True)
    assert "hush" not in result.out + result.err


def test_a_worker_starts_and_a_stop_signal_ends_it_cleanly(
    installed: tuple[Path, dict[str, str]],
) -> None:
    folder, settings = installed
    with working(folder, **settings) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
        assert process.stderr is not None
        assert '"worker.stopped"' in process.stderr.read()


def test_a_worker_reads_secrets_again_when_it_is_hung_up_on(
    installed: tuple[Path, dict[str, str]],
) -> None:
    folder, settings = installed
    secret = folder / "url"
    secret.write_text(settings["TWOSTEP_DATABASE_URL"], encoding="utf-8")
    with working(folder, TWOSTEP_DATABASE_URL_FILE=str(secret)) as process:
        secret.write_text(f"{settings['TWOSTEP_DATABASE_URL']}?application_name=x", "utf-8")
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        line = json.loads(process.stderr.readline())
        assert (line["event"], line["files"][0]) == ("serve.read_again", str(secret))
        assert line["changed"] == line["restart_for"] == ["database_url"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0


def test_a_worker_has_figures_on_a_port_of_its_own(
    installed: tuple[Path, dict[str, str]],
) -> None:
    folder, settings = installed
    port = free_port()
    settings |= {
        "TWOSTEP_METRICS__WORKER_PORT": str(port),
        "TWOSTEP_DATABASE_CONNECTIONS": "5",
    }
    with working(folder, **settings) as process:
        url = f"http://127.0.0.1:{port}/metrics"
        figures = read(httpx2.get(url, timeout=SECONDS, trust_env=False).text)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    assert figures["twostep_database_up"] == 1
    assert figures["twostep_database_connections_limit"] == 5
    there = [
        figures[f'twostep_database_connections{{state="{state}"}}'] for state in ("in_use", "idle")
    ]
    assert 1 <= sum(there) <= 5
    assert "twostep_commit_seconds_count" in figures
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url, trust_env=False)


def test_a_worker_says_which_setting_has_a_port_that_is_taken(
    installed: tuple[Path, dict[str, str]],
) -> None:
    folder, settings = installed
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = call(folder, "worker", TWOSTEP_METRICS__WORKER_PORT=port, **settings)
    assert result.code == 75
    assert "Choose another with metrics.worker_port." in result.err


def test_a_worker_sends_what_the_command_line_queues(
    installed: tuple[Path, dict[str, str]],
) -> None:
    folder, settings = installed
    mailbox = Mailbox()
    with running(mailbox) as port:
        settings |= {
            "TWOSTEP_SMTP__HOST": "127.0.0.1",
            "TWOSTEP_SMTP__PORT": str(port),
            "TWOSTEP_SMTP__SECURITY": "none",
            "TWOSTEP_SMTP__FROM": "panel@example.org",
        }
        doctor = call(folder, "doctor", **settings)
        assert (doctor.code, "1 account in test_" in doctor.out) == (0, True), doctor.out
        assert "hush" not in doctor.out
        with working(folder, **settings):
            asked = call(folder, "user", "sessions-end", "root", "--reason", "x", **settings)
            assert asked.code == 0, asked.err
            wait_until("the worker sends nothing", lambda: mailbox.mails)
    assert mailbox.mails[0].rcpt_tos == ["root@example.com"]
