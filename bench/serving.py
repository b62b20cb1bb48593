"""Start a real installation for a benchmark: `twostep init`, `bench.seed`, `twostep serve`, on loopback."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO
from urllib.parse import urlencode

from bench import load
from twostep.core.methods import totp


ROOT = Path(__file__).resolve().parent.parent
TWOSTEP = (sys.executable, "-m", "twostep")
SEED = (sys.executable, "-m", "bench.seed")
# As pip leaves an installation: with byte-code, whatever the shell of the benchmark says.
ENVIRON = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPYCACHEPREFIX": str(ROOT / ".venv" / "bench-bytecode"),
}
READY_SECONDS = 30


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def code(secret: str, *, steps: int = 0) -> str:
    """The code of a secret in base32, now or some half minutes from now."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return totp.at(key, int(time.time()) // 30 + steps)


@dataclass(frozen=True)
class Seeded:
    """One account of `bench.seed`."""

    name: str
    password: str
    secret: str
    browser: str
    sessions: tuple[str, ...]

    def cookie(self, session: str) -> str:
        """The cookies of its known browser with a session."""
        return f"twostep={session}; twostep-browser={self.browser}"

    def code_request(self, host: str, *, session: int = 0, steps: int = 0) -> bytes:
        """The second step of one of its half sessions."""
        body = urlencode({"code": code(self.secret, steps=steps)})
        cookie = self.cookie(self.sessions[session])
        return load.post("/sign-in/code", body, host=host, cookie=cookie)


@dataclass(frozen=True)
class Serving:
    """A running server with its workers. `ready_seconds`: from start to the first answer."""

    pid: int
    port: int
    ready_seconds: float

    @property
    def host(self) -> str:
        """What goes into the Host header."""
        return f"localhost:{self.port}"

    def pids(self) -> list[int]:
        """The process and everything below it."""
        pids, waiting = [], [self.pid]
        while waiting:
            pid = waiting.pop()
            pids.append(pid)
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        return pids

    def cpu_seconds(self) -> float:
        """User and system time of the processes so far."""
        total = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def cpu_by_thread(self) -> dict[int, float]:
        """CPU seconds of each thread of the process so far, by its id."""
        return {
            int(task.name): int((task / "schedstat").read_text().split()[0]) / 1e9
            for task in Path(f"/proc/{self.pid}/task").iterdir()
        }

    def pss_mb(self) -> list[float]:
        """Proportional set size of each process, in MB, the largest first."""
        reports = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self.pids()]
        sizes = [
            int(size) / 1024
            for text in reports
            for size in re.findall(r"^Pss: *(\d+)", text, re.MULTILINE)
        ]
        return sorted(sizes, reverse=True)


def run_verb(config: Path, *words: str, typed: str = "") -> None:
    """Run a verb; what it says is shown only when it fails."""
    _run([*TWOSTEP, "--config", str(config), *words], typed=typed)


def _run(command: Sequence[str], *, typed: str = "") -> None:
    result = subprocess.run(
        command, input=typed.encode(), check=False, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, cwd=ROOT, env=ENVIRON,
    )  # fmt: skip
    if result.returncode:
        said = result.stdout.decode(errors="replace")
        raise RuntimeError(f"{' '.join(command[2:])} failed: {said}")


def install(
    folder: Path, port: int, *, database_url: str = "", countries: str = "", more: str = ""
) -> Path:
    """A new installation in `folder`; the path of its configuration.

    `database_url`: a database other than the SQLite file. `countries`: whose phones may be added.
    `more`: further settings, as TOML.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "twostep.toml"
    run_verb(
        config, "init", "--yes", "--public-url", f"http://localhost:{port}",
        "--data-dir", str(folder / "data"), "--operator", "bench-operator",
        "--email", "bench@example.com", "--password-stdin",
        *(["--countries", countries] if countries else []),
        typed="a bench of oak by the sea\n",
    )  # fmt: skip
    text = config.read_text(encoding="utf-8")
    if database_url:
        text = f'database_url = "{database_url}"\n{text}'
    config.write_text(f"{text}\n{more}", encoding="utf-8")
    if database_url:
        run_verb(config, "db", "upgrade")
    return config


def seed(config: Path, folder: Path, *options: str, every: int = 1) -> list[Seeded]:
    """Run `bench.seed`; the accounts it made, or one of `every` so many."""
    out = folder / f"seeded-{time.monotonic_ns()}.jsonl"
    _run([*SEED, "--config", str(config), "--force", "--out", str(out), *options])
    return read_seeded(out, every=every)


def read_seeded(out: Path, *, every: int = 1) -> list[Seeded]:
    """The accounts in a file of `bench.seed`, or one of `every` so many."""
    with out.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, 0, None, every)]
    return [
        Seeded(row["name"], row["password"], row["secret"], row["browser"], tuple(row["sessions"]))
        for row in rows
    ]


def serve_command(config: Path, port: int) -> list[str]:
    """`twostep serve`."""
    return [*TWOSTEP, "--config", str(config), "serve", "--port", str(port)]


@contextmanager
def serving(
    command: Sequence[str], port: int, *, environ: Mapping[str, str] | None = None
) -> Iterator[Serving]:
    """Run a server until the benchmark is over."""
    started = time.perf_counter()
    with (
        TemporaryFile() as log,
        subprocess.Popen(
            list(command), stdout=log, stderr=subprocess.STDOUT, cwd=ROOT,
            env={**ENVIRON, **(environ or {})},
        ) as process,
    ):  # fmt: skip
        try:
            yield Serving(process.pid, port, _wait(process, port, started, log))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


@contextmanager
def serving_all(config: Path, ports: Sequence[int]) -> Iterator[list[Serving]]:
    """Several processes of one installation. The first port is the one in its public address."""
    with ExitStack() as stack:
        yield [stack.enter_context(serving(serve_command(config, port), port)) for port in ports]


def _wait(process: subprocess.Popen[bytes], port: int, started: float, log: IO[bytes]) -> float:
    while time.perf_counter() - started < READY_SECONDS:
        if process.poll() is not None:
            log.seek(0)
            said = log.read()[-2000:].decode(errors="replace")
            raise RuntimeError(f"the server ended with {process.returncode}: {said}")
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(
                    f"GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode()
                )
                # Any answer: the public address of a further process is the first one's.
                if connection.recv(15).startswith(b"HTTP/1.1"):
                    return time.perf_counter() - started
        except OSError:
            time.sleep(0.01)
    raise RuntimeError("the server does not answer")
