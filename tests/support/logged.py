"""The real server, its log in a file that can be read while it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.cli.conftest import environment
from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_SECONDS, wait_until


@dataclass(frozen=True, slots=True)
class LoggedServer:
    """A running server. `log`: what it has written to standard error."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """Whole log lines so far, of one name."""
        text, _, _ = self.log.read_text("utf-8").rpartition("\n")
        lines = [json.loads(line) for line in text.split("\n") if line]
        return [line for line in lines if event in {"", line["event"]}]

    def audit(self) -> list[dict[str, Any]]:
        """The security events so far."""
        return [line for line in self.lines() if line.get("type") == "audit"]

    def wait_for(self, event: str, *, count: int = 1) -> dict[str, Any]:
        """The newest line of this name, once there are `count`."""

        def has_come() -> bool:
            assert self.process.poll() is None, self.log.read_text("utf-8")
            return len(self.lines(event)) >= count

        wait_until(f"no {event} in the log", has_come)
        return self.lines(event)[-1]

    def browser(self, **headers: str) -> httpx2.Client:
        """A browser, with these headers in each request."""
        url = f"http://localhost:{self.port}"
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return httpx2.Client(
            base_url=url, headers={"origin": url, **named}, timeout=PATIENCE_SECONDS
        )


@contextmanager
def logged_server(folder: Path, *options: str, **settings: str) -> Iterator[LoggedServer]:
    """Run the installation in `folder`. `options`: of `serve`; `settings`: its environment."""
    port, log = free_port(), folder / "log"
    command = [sys.executable, "-m", "twostep", "serve", "--port", str(port), *options]
    url = {"TWOSTEP_PUBLIC_URL": f"http://localhost:{port}"}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, cwd=folder, env={**environment(), **url, **settings}, stderr=errors
        )
    server = LoggedServer(process, port, log)
    try:
        server.wait_for("serve.ready")
        yield server
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
