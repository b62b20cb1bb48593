"""The demo as people run it: a process on a free port, its fake phone, and what its database holds."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import pytest

from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_SECONDS, wait_until


STEP_SECONDS, TYPED_WITHIN_SECONDS = 30, 10
PASSWORD = "alice-demo-password"
OPERATOR_PASSWORD = "admin-demo-password"
IDS = frozenset({"id", "account_id", "session_id", "phone_id", "challenge_id", "set_id"})
IDS |= {"browser_id", "provider_id", "subject_id", "chain", "key", "default_method", "call_key"}
COUNTS = frozenset({"version", "password_version", "audit_seq", "seq", "last_step"})
# Two answers of the worker may come in either order, and it may ask the clock once more or less.
MIXED = ("notice.sent", "code.delivered", "browser.new")
LEFT_OUT = frozenset({"alembic_version", "audit_checkpoints", "audit_changed", "installation"})


def app_code(uri: str, *, now: int) -> str:
    """What an authenticator app shows at `now` (Unix seconds) for an otpauth address, by oathtool."""
    program = shutil.which("oathtool")
    if program is None:
        pytest.skip("oathtool is missing: run tools/test_packages.sh")
    key = parse_qs(urlsplit(uri).query)["secret"][0]
    command = [program, "--totp", "--base32", "--now", f"@{now}", key]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def secret_of(uri: str) -> bytes:
    """The secret of an otpauth address."""
    key = parse_qs(urlsplit(uri).query)["secret"][0]
    return base64.b32decode(key + "=" * (-len(key) % 8))


class LiveDemo:
    """A running demo. Scripts' ways into it; people's ways are in `article`."""

    def __init__(self, folder: Path, *extra: str, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://localhost:{self.port}"
        self._extra = extra
        self._offset = 0
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "twostep", "demo", "--port", str(self.port)]
        command += ["--data-dir", str(self.folder), *self._extra]
        environ = {name: text for name, text in os.environ.items() if "TWOSTEP_" not in name}
        with (self.folder.parent / f"{self.folder.name}.errors").open("ab") as errors:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, env=environ
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert line == f"Twostep demo ready on {self.url}\n", self.errors

    @property
    def errors(self) -> str:
        """What it said to whoever runs it."""
        return (self.folder.parent / f"{self.folder.name}.errors").read_text(encoding="utf-8")

    def post(self, route: str, body: object = None) -> Any:
        """Turn something of the demo; the answer's JSON, None where it has none."""
        answer = httpx.post(
            f"{self.url}/_demo/{route}", json=body or {}, timeout=PATIENCE_SECONDS, trust_env=False
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def reset(self) -> None:
        """Back to the start."""
        self._offset = 0
        self.post("reset")

    def speak(self, language: str) -> None:
        """Give both accounts another language, as their profiles would."""
        with closing(
            sqlite3.connect(self.folder / "twostep.sqlite3", timeout=PATIENCE_SECONDS)
        ) as database:
            database.execute("UPDATE accounts SET language = ?", (language,))
            database.commit()

    def forward(self, seconds: int) -> None:
        """Move the product's clock."""
        self._offset += seconds
        self.post("clock", {"offset_seconds": self._offset})

    @property
    def now(self) -> int:
        """The product's clock."""
        return int(self.post("clock", {"offset_seconds": self._offset})["now"])

    def app_code(self, uri: str) -> str:
        """What an app shows now. A code that is about to change under the reader's hands is left out:
        the clock goes on to the next."""
        left = STEP_SECONDS - self.now % STEP_SECONDS
        if left < TYPED_WITHIN_SECONDS:
            self.forward(left)
        return app_code(uri, now=self.now)

    def app_code_at(self, uri: str, *, seconds: int) -> str:
        """What an app shows whose clock differs by `seconds`."""
        return app_code(uri, now=self.now + seconds)

    def next_app_code(self, uri: str) -> str:
        """What an app shows once the code that was used last is over."""
        self.forward(30)
        return self.app_code(uri)

    def messages(self, channel: str) -> list[dict[str, Any]]:
        """What came by `channel` so far, newest first."""
        answer = httpx.get(f"{self.url}/_demo/messages", timeout=PATIENCE_SECONDS, trust_env=False)
        return [message for message in answer.json() if message["channel"] == channel]

    def wait_for(self, channel: str, *, count: int) -> dict[str, Any]:
        """The newest message once `count` have come."""
        wait_until(f"no {channel} came", lambda: len(self.messages(channel)) >= count)
        return self.messages(channel)[0]

    def kill(self) -> None:
        """End it as a power cut would, and start it again on the same folder."""
        self.process.kill()
        self._close()
        self._offset = 0
        self._start()

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self._close()

    def _close(self) -> int:
        code = self.process.wait(PATIENCE_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Read the database beside the running product."""
        path = self.folder / "twostep.sqlite3"
        with closing(
            sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE_SECONDS)
        ) as database:
            return database.execute(sql).fetchall()

    def settle(self) -> None:
        """Wait until everything that was queued has ended, and its last report has come."""
        under_way = (
            "SELECT kind, state FROM outbox"
            " WHERE finished_at IS NULL OR (channel <> 'email' AND state = 'accepted')"
        )
        wait_until("something is still under way", lambda: not self.query(under_way))

    def state(self, *, after_seq: int = 0) -> dict[str, Any]:
        """The database without what differs from run to run: ids, secrets, times.

        `after_seq`: alice's events up to this one are left out.
        """
        self.settle()
        (alice,) = self.query("SELECT id FROM accounts WHERE name = 'alice'")
        return normalised(self.folder / "twostep.sqlite3", alice[0], after_seq=after_seq)

    def audit_seq(self) -> int:
        """How long alice's chain is."""
        return int(self.query("SELECT audit_seq FROM accounts WHERE name = 'alice'")[0][0])

    def verify_audit(self) -> None:
        """Verify the audit trail with the command line; must find nothing."""
        command = [sys.executable, "-m", "twostep", "--config", str(self.folder / "twostep.toml")]
        result = subprocess.run(
            [*command, "audit", "verify"], capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stdout + result.stderr


@contextmanager
def live_demo(folder: Path, *extra: str) -> Iterator[LiveDemo]:
    """Run a demo in `folder`."""
    demo = LiveDemo(folder, *extra)
    try:
        yield demo
    finally:
        code = demo.stop()
    assert code == 0, demo.errors


def normalised(path: Path, account_id: str, *, after_seq: int = 0) -> dict[str, Any]:
    """Rows of every table, counted, without what differs from run to run; events in their order.

    `after_seq`: events of the account's chain up to this one are left out.
    """
    with closing(
        sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE_SECONDS)
    ) as database:
        database.row_factory = sqlite3.Row
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        names = sorted({row["name"] for row in tables} - LEFT_OUT - {"audit_records"})
        state: dict[str, Any] = {
            name: Counter(
                _plain(row)
                for row in database.execute(f'SELECT * FROM "{name}"')  # noqa: S608  names from the schema
            )
            for name in names
        }
        events = [
            (row["event"], json.loads(row["body"])["outcome"])
            for row in database.execute(
                "SELECT event, body FROM audit_records WHERE chain = ? AND seq > ? ORDER BY seq",
                (account_id, after_seq),
            )
        ]
    state["events"] = [event for event in events if event[0] not in MIXED]
    state["mixed events"] = Counter(event for event in events if event[0] in MIXED)
    return state


def _plain(row: sqlite3.Row) -> tuple[tuple[str, object], ...]:
    return tuple((name, _value(name, row[name])) for name in row.keys())  # noqa: SIM118  a Row is no dict


def _value(name: str, value: object) -> object:
    if value is None:
        return None
    if name == "network":
        return "loopback" if value in {"127.0.0.1", "::", "::1"} else value
    if name == "key":
        return str(value).split(":")[0]
    if name == "time_zone":  # a browser without scripts cannot tell its own
        return "…"
    if name in IDS or name == "password_hash" or isinstance(value, bytes):
        return "…"
    if name.endswith(("_at", "_until")) or name in COUNTS or name in {"not_after", "at"}:
        return "number"
    return value
