"""Several `twostep serve` on one database: real processes, one installation, one public address."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx

from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_SECONDS


ROOT = Path(__file__).resolve().parents[2]
HOST = "panel.example.com"


@dataclass
class Node:
    """A running server. `said`: its log so far, one JSON object a line."""

    url: str
    process: subprocess.Popen[str]
    said: list[dict[str, Any]] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        place = urlsplit(self.url)
        return str(place.hostname), int(place.port or 0)

    def is_ready(self) -> bool:
        """What `/readyz` says."""
        status = httpx.get(
            f"{self.url}/readyz", timeout=PATIENCE_SECONDS, trust_env=False
        ).status_code
        assert status in {200, 503}, status
        return status == 200

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def listen(self, ready: threading.Event) -> None:
        """Read its log to the end; what is no log line is kept in `strange`."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                self.said.append(json.loads(line))
            except ValueError:
                self.strange.append(line)
            else:
                if self.said[-1]["event"] in {"serve.ready", "worker.ready"}:
                    ready.set()
        ready.set()

    def faults(self) -> list[object]:
        """What it should not have said: traces, and requests that failed."""
        return [
            *self.strange,
            *(line for line in self.said if line["level"] in {"error", "critical"}),
        ]


@dataclass
class Installation:
    """A folder with settings and key, and the database that its settings name."""

    folder: Path
    settings: dict[str, str]

    def call(self, *arguments: str, typed: str = "") -> str:
        """Run a verb; must succeed. What it printed."""
        return self._run("twostep", *arguments, typed=typed)

    def try_call(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a verb, whatever comes of it."""
        return self._start("twostep", *arguments, typed=typed)

    def _run(self, module: str, *arguments: str, typed: str = "") -> str:
        result = self._start(module, *arguments, typed=typed)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def _start(
        self, module: str, *arguments: str, typed: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder, env={**self._environment(), "PYTHONPATH": str(ROOT)}, input=typed,
            capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip

    def seed(self, count: int) -> list[dict[str, Any]]:
        """Accounts with an app each: name, password, secret (base32), browser's token."""
        file = self.folder / "seeded.jsonl"
        self._run("bench.seed", "--accounts", str(count), "--out", str(file))
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    def verify_audit(self) -> None:
        """The chains must be whole."""
        self.call("audit", "verify")

    @contextmanager
    def nodes(self, count: int) -> Iterator[list[Node]]:
        """Serve on so many processes; they are killed in the end."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.run("serve")) for _ in range(count)]

    @contextmanager
    def run(self, verb: str, *, host: str = "127.0.0.1", port: int | None = None) -> Iterator[Node]:
        """Run `serve` or `worker` beside what else runs; `serve` on a free port where none is given."""
        port = port or free_port()
        arguments = ("--host", host, "--port", str(port)) if verb == "serve" else ()
        process = subprocess.Popen(
            [sys.executable, "-m", "twostep", verb, *arguments],
            cwd=self.folder, env=self._environment(), stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        node, ready = Node(f"http://{host}:{port}", process), threading.Event()
        listening = threading.Thread(target=node.listen, args=(ready,))
        listening.start()
        try:
            assert ready.wait(PATIENCE_SECONDS), "it does not start"
            assert process.poll() is None, node.said + node.strange
            yield node
        finally:
            process.kill()
            process.wait()
            listening.join()
            assert process.stderr is not None
            process.stderr.close()

    def _environment(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if "TWOSTEP_" not in name}
        return {**kept, "TWOSTEP_PASSWORD__PROFILE": "test", **self.settings}


def install(folder: Path, url: str, **settings: str) -> Installation:
    """Make an installation on the database at `url`. `settings`: as environment variables."""
    public_url = settings.pop("TWOSTEP_PUBLIC_URL", f"https://{HOST}")
    made = Installation(folder, {"TWOSTEP_DATABASE_URL": url, **settings})
    made.call("init", "--yes", "--public-url", public_url, "--data-dir", "data")
    return made


def marks(page: str, name: str) -> list[str]:
    """The values of an attribute on a page."""
    return re.findall(rf'{name}="([^"]+)"', page)
