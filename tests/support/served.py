"""The demo as a process, and browsers that visit it over HTTP with an address of their own.

They are `product.Browser`s whose requests travel, so people's ways (`enroll_app`, `add_phone`) are
the same in this process and from outside.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.support.live import PASSWORD, LiveDemo
from tests.support.product import FIREFOX, AppEntry, Browser, decode_secret, setup_uri
from tests.support.waiting import PATIENCE_SECONDS


@dataclass
class Visitor(Browser):
    """A browser in front of a running demo."""

    product: ServedDemo
    network: str = "127.0.0.1"
    user_agent: str = FIREFOX

    def __post_init__(self) -> None:
        self.client = httpx2.Client(
            base_url=self.product.url,
            transport=httpx2.HTTPTransport(local_address=self.network, verify=False),
            headers={"user-agent": self.user_agent},
            timeout=PATIENCE_SECONDS,
        )

    @property
    def cookie(self) -> str:
        """What the session's cookie holds."""
        return str(self.client.cookies["twostep"])

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.ask("GET", path, **headers)

    def post(self, path: str, /, **fields: str) -> httpx2.Response:
        return self.ask("POST", path, fields, origin=self.product.url)

    def ask(
        self, method: str, path: str, fields: dict[str, str] | None = None, /, **headers: str
    ) -> httpx2.Response:
        """One request with these headers and no others of a page's."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, path, data=fields, headers=sent)

    def sign_in(self, name: str = "alice", password: str = PASSWORD) -> httpx2.Response:
        return super().sign_in(name, password)

    def is_in(self) -> bool:
        """Whether it has a full session."""
        return self.get("/api/session").status_code == 200

    def send_code(self, phone: str, channel: str = "sms") -> str:
        """Ask for a code of the second step; the code that arrives."""
        answer = self.post("/sign-in/send", method=phone, channel=channel)
        assert answer.status_code == 303
        return self.product.newest_code(channel)


class ServedDemo(LiveDemo):
    """A running demo, and what stands beside it: database, log and command line."""

    def __init__(self, folder: Path, *extra: str) -> None:
        self._visitors: list[Visitor] = []
        self._codes_read: Counter[str] = Counter()
        self._ends: dict[str, int] = {}
        super().__init__(folder, *extra)

    @property
    def now(self) -> int:
        """The product's clock, which is this machine's and what it was moved by."""
        return int(time.time()) + self._offset  # noqa: TID251  the demo's clock is the machine's

    @property
    def database_url(self) -> str:
        """Where the database is, for who looks or meddles past the product."""
        return f"sqlite:///{self.folder / 'twostep.sqlite3'}"

    def later(self, seconds: int = 0) -> None:
        """Move the clock on and to the start of an app's step: no code changes under the test."""
        self.forward(seconds + 31 - (self.now + seconds) % 30)

    def reset(self) -> None:
        self.leave()
        self._codes_read.clear()
        super().reset()
        ends = "SELECT chain, max(seq) FROM audit_records GROUP BY chain"
        self._ends = dict(self.query(ends))

    def leave(self) -> None:
        """Close every visitor's connections."""
        while self._visitors:
            self._visitors.pop().client.close()

    def visitor(self, network: str = "127.0.0.1") -> Visitor:
        """Another browser, with an empty cookie jar."""
        self._visitors.append(Visitor(self, network))
        return self._visitors[-1]

    def half(self, network: str = "127.0.0.1") -> Visitor:
        """Another browser, in which alice's password was typed."""
        visitor = self.visitor(network)
        assert visitor.sign_in().status_code == 303
        return visitor

    def scan(self, page: httpx2.Response) -> AppEntry:
        """Take the address on the wizard's page into an app."""
        return AppEntry(decode_secret(setup_uri(page)), self)

    def newest_code(self, channel: str = "sms") -> str:
        """The code of the text or call that was sent after the last one that was read."""
        self._codes_read[channel] += 1
        return str(self.wait_for(channel, count=self._codes_read[channel])["code"])

    def link(self, prefix: str) -> str:
        """Path of the newest mailed link that begins with `prefix`, as in `/not-me/`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for mail in self.messages("email"):
                if link := re.search(rf"{re.escape(prefix)}[\w-]+", mail["text"]):
                    return link[0]
            time.sleep(0.05)
        raise LookupError(f"no mail has a link to {prefix}")

    def count_mails(self) -> int:
        """How many mails have come, once nothing waits to be sent."""
        self.settle()
        return len(self.messages("email"))

    def mails_since(self, count: int) -> list[dict[str, Any]]:
        """What came after the first `count`, once nothing waits to be sent."""
        new = self.count_mails() - count
        return self.messages("email")[:new]

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command line beside it."""
        command = [sys.executable, "-m", "twostep", "--config", str(self.folder / "twostep.toml")]
        return subprocess.run([*command, *words], capture_output=True, text=True, check=False)

    def events(self) -> list[dict[str, Any]]:
        """The audit trail as it is exported, from the last reset on."""
        lines = self.call("audit", "export").stdout.splitlines()
        events: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [event for event in events if event["seq"] > self._ends.get(event["chain"], 0)]


@contextmanager
def served_demo(folder: Path, *settings: str) -> Iterator[ServedDemo]:
    """Run a demo in `folder`; `settings` as KEY=VALUE."""
    demo = ServedDemo(folder, *(word for setting in settings for word in ("--set", setting)))
    try:
        yield demo
    finally:
        demo.leave()
        code = demo.stop()
    assert code == 0, demo.errors
