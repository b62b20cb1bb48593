"""A running demo and the browsers that visit it."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from twostep.core.methods import totp


ALICE, ALICE_PASSWORD = "alice", "alice-demo-password"
ADMIN, ADMIN_PASSWORD = "admin", "admin-demo-password"
PHONE = "2025550100"
READY_SECONDS = 30


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class App:
    """An entry in somebody's authenticator app."""

    secret: bytes
    instance: Instance

    def code(self, steps: int = 0) -> str:
        """What it shows at the demo's time, or some steps of 30 seconds from then."""
        return totp.at(self.secret, self.instance.now() // 30 + steps)


@dataclass
class Jar:
    """A browser: cookies of its own, an address of its own, no redirects followed."""

    instance: Instance
    address: str = "127.0.0.1"
    client: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx2.Client(
            base_url=f"http://localhost:{self.instance.port}",
            transport=httpx2.HTTPTransport(local_address=self.address),
            headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"},
            timeout=30,
        )

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """GET."""
        return self.client.get(path, headers=headers)

    def post(self, path: str, /, *, origin: str | None = "own", **fields: str) -> httpx2.Response:
        """POST a form; `origin` None leaves the header out."""
        headers = {}
        if origin is not None:
            headers["origin"] = self.instance.origin if origin == "own" else origin
        return self.client.post(path, data=fields, headers=headers)

    def sign_in(self, name: str = ALICE, password: str = ALICE_PASSWORD) -> httpx2.Response:
        """The first step."""
        return self.post("/sign-in", username=name, password=password)

    def enable(self) -> App:
        """Sign in as alice and turn two-step sign-in on."""
        self.sign_in()
        page = self.get("/settings/security/app/new")
        app = App(secret_of(page.text), self.instance)
        done = self.post("/settings/security/app/new", code=app.code())
        assert done.status_code == 303, f"the wizard answered {done.status_code}"
        return app

    def add_phone(self, number: str = PHONE, country: str = "US") -> str:
        """Add a backup phone; its id."""
        sent = self.post(
            "/settings/security/phone/new", country=country, number=number, channel="sms"
        )
        assert sent.status_code == 303, f"adding a phone answered {sent.status_code}"
        code = self.instance.newest("sms")["code"]
        done = self.post("/settings/security/phone/confirm", code=code)
        assert done.status_code == 303, f"confirming the phone answered {done.status_code}"
        return method_ids(self.get("/settings/security").text, "phone")[-1]

    def make_codes(self) -> list[str]:
        """Make backup codes."""
        made = self.post("/settings/security/codes")
        assert made.status_code == 303, f"making codes answered {made.status_code}"
        return backup_codes(self.get("/settings/security/codes").text)

    def is_in(self) -> bool:
        """Whether the browser has a full session."""
        return self.get("/api/session").status_code == 200


def secret_of(page: str) -> bytes:
    """The secret of a wizard page, from its otpauth link."""
    key = parse_qs(urlsplit(uri_of(page)).query)["secret"][0]
    return base64.b32decode(key + "=" * (-len(key) % 8))


def uri_of(page: str) -> str:
    """The whole otpauth URI of a wizard page."""
    found = re.search(r'href="(otpauth://[^"]+)"', page)
    assert found, "no otpauth link on the page"
    return html.unescape(found.group(1))


def backup_codes(page: str) -> list[str]:
    """The codes that a page shows."""
    return re.findall(r'data-backup-code="([^"]+)"', page)


def method_ids(page: str, kind: str) -> list[str]:
    """The ids of a page's ways of one kind, each once."""
    found = re.findall(r'data-method-id="([^"]+)"\s+data-method-kind="([^"]+)"', page)
    return list(dict.fromkeys(number for number, one in found if one == kind))


@dataclass
class Instance:
    """The demo: its address, clock, messages, database and command line."""

    port: int
    folder: Path
    pid: int

    def cpu_seconds(self) -> float:
        """Seconds of processor time that it has used (Linux)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def origin(self) -> str:
        """The public origin."""
        return f"http://localhost:{self.port}"

    def jar(self, address: str = "127.0.0.1") -> Jar:
        """A new browser."""
        return Jar(self, address)

    def ask(self, path: str, content: dict[str, object] | None = None) -> Any:
        """Ask one of the demo's own routes."""
        with httpx2.Client(base_url=self.origin, timeout=30) as client:
            answer = client.get(path) if content is None else client.post(path, json=content)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def reset(self) -> None:
        """Back to the start."""
        self.ask("/_demo/reset", {})
        self._offset = 0

    _offset: int = 0

    def now(self) -> int:
        """The demo's time, Unix seconds."""
        return int(time.time()) + self._offset

    def forward(self, seconds: int) -> None:
        """Move the demo's clock on."""
        self._offset += seconds
        self.ask("/_demo/clock", {"offset_seconds": self._offset})

    def settle(self) -> None:
        """Move to just after the beginning of a step, so that no code changes under the test."""
        self.forward(31 - self.now() % 30)

    def messages(self, channel: str = "") -> list[dict[str, Any]]:
        """Messages, newest first."""
        return [one for one in self.ask("/_demo/messages") if channel in {"", one["channel"]}]

    def newest(self, channel: str, *, beyond: int = 0) -> dict[str, Any]:
        """The newest message of a channel, once there are more than `beyond`."""
        until = time.monotonic() + 3
        while time.monotonic() < until:
            found = self.messages(channel)
            if len(found) > beyond:
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"no {channel} within 3 s")

    def dump(self) -> bytes:
        """Every row of the database as text, and the files' raw bytes."""
        path = self.folder / "twostep.sqlite3"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            text = "\n".join(connection.iterdump())
        raw = b"".join(one.read_bytes() for one in sorted(self.folder.glob("twostep.sqlite3*")))
        return text.encode() + raw

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read from the database."""
        path = self.folder / "twostep.sqlite3"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            return connection.execute(sql, values).fetchall()

    def write(self, sql: str, *values: object) -> None:
        """Tamper with the database."""
        with sqlite3.connect(self.folder / "twostep.sqlite3") as connection:
            connection.execute(sql, values)

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line beside the demo."""
        return subprocess.run(
            [
                sys.executable, "-m", "twostep", "--config", str(self.folder / "twostep.toml"),
                *arguments,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )  # fmt: skip

    def events(self) -> list[dict[str, Any]]:
        """The audit export."""
        lines = self.cli("audit", "export").stdout.splitlines()
        return [json.loads(line) for line in lines]


@contextmanager
def demo(folder: Path, *settings: str) -> Iterator[Instance]:
    """Run a demo of our own in `folder`; `settings` as KEY=VALUE."""
    port = free_port()
    command = [
        sys.executable, "-m", "twostep", "demo", "--port", str(port), "--data-dir", str(folder),
    ]  # fmt: skip
    for setting in settings:
        command += ["--set", setting]
    log = (folder.parent / f"{folder.name}.log").open("wb")
    with log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(b"Twostep demo ready"), line
            yield Instance(port, folder, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
