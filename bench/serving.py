"""Start a real installation for a benchmark: `twostep init`, `dev seed`, `serve`, on loopback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


TWOSTEP = (sys.executable, "-m", "twostep")
READY_SECONDS = 30


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(frozen=True)
class Seeded:
    """One account of `dev seed`."""

    name: str
    password: str
    secret: str
    browser: str
    sessions: tuple[str, ...]


@dataclass(frozen=True)
class Serving:
    """A running server. `ready_seconds`: from start to the first answer."""

    pid: int
    port: int
    ready_seconds: float

    @property
    def host(self) -> str:
        """What goes into the Host header."""
        return f"localhost:{self.port}"

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def pss_mb(self) -> float:
        """Proportional set size, in MB."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
        return 0.0


def install(folder: Path, port: int) -> Path:
    """A new installation in `folder`; the path of its configuration."""
    config = folder / "twostep.toml"
    subprocess.run(
        [
            *TWOSTEP, "--config", str(config), "init", "--yes", "--public-url", f"http://localhost:{port}",
            "--data-dir", str(folder / "data"), "--operator", "bench-operator",
            "--email", "bench@example.com", "--password-stdin",
        ],
        input=b"a bench of oak by the sea\n",
        check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return config


def seed(config: Path, folder: Path, *options: str) -> list[Seeded]:
    """Run `dev seed`; the accounts it made."""
    out = folder / f"seeded-{time.monotonic_ns()}.jsonl"
    subprocess.run(
        [*TWOSTEP, "--config", str(config), "dev", "seed", "--force", "--out", str(out), *options],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    return [
        Seeded(row["name"], row["password"], row["secret"], row["browser"], tuple(row["sessions"]))
        for row in rows
    ]


@contextmanager
def serving(command: list[str], port: int) -> Iterator[Serving]:
    """Run a server until the benchmark is over."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield Serving(process.pid, port, _wait(process, port, started))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def _wait(process: subprocess.Popen[bytes], port: int, started: float) -> float:
    while time.perf_counter() - started < READY_SECONDS:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as one:
                one.sendall(f"GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
                if one.recv(15).startswith(b"HTTP/1.1 200"):
                    return time.perf_counter() - started
        except OSError:
            time.sleep(0.01)
    raise RuntimeError("the server does not answer")
