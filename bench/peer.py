"""django-two-factor-auth, beside Twostep in the same run: its environment, server and requests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

from bench import load
from bench.serving import ROOT, Serving, code, free_port, serving


NAME = "django-two-factor-auth"
VENV = ROOT / ".venv-peers"
LOCK = ROOT / "requirements" / "peers.lock"
PROJECT = "bench.peers.django_two_factor"
WORKERS = 2
# The token of a form and of its cookie need only be alike.
CSRF = "b" * 32
LOGIN = "/account/login/"
SETUP = "/account/two_factor/setup/"
QR = "/account/two_factor/qrcode/"


def versions() -> dict[str, str]:
    """What the lock file holds of the peer."""
    locked = dict(
        re.findall(r"^([\w.-]+)==([\w.]+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    )
    here = (VENV / "bin/python").exists()
    names = (NAME, "granian") if here else ()
    return {name: locked[name] for name in names} | ({"django": _django()} if here else {})


def _django() -> str:
    result = subprocess.run(
        [VENV / "bin/python", "-c", "import django; print(django.__version__)"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return result.stdout.strip()


def prepare() -> Path:
    """The peer's Python, in an environment of its own that is made when it is needed."""
    python, stamp = VENV / "bin/python", VENV / ".stamp"
    wanted = sha256(LOCK.read_bytes() + str(VENV).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"making {VENV.name} for {NAME}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        subprocess.run(
            [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet",
             "--root-user-action=ignore", "--require-hashes", "--no-deps", "-r", LOCK],
            check=True, stdout=sys.stderr,
        )  # fmt: skip
        stamp.write_text(wanted)
    return python


@dataclass(frozen=True)
class Account:
    """One of its accounts. `sessions`: those after the password first, then the full ones."""

    name: str
    password: str
    secret: str
    sessions: tuple[str, ...]

    def cookie(self, session: str) -> str:
        """Its cookies."""
        return f"sessionid={session}; csrftoken={CSRF}"

    def code_request(self, host: str, *, session: int = 0, steps: int = 0) -> bytes:
        """The login wizard's token step."""
        return self.code_of(host, self.sessions[session], steps=steps)

    def code_of(self, host: str, session: str, *, steps: int = 0) -> bytes:
        """The token step of a named session."""
        body = {"token-otp_token": code(self.secret, steps=steps)}
        return form(LOGIN, "login_view", "token", body, host=host, cookie=self.cookie(session))

    def password_request(self, host: str) -> bytes:
        """The login wizard's first step."""
        body = {"auth-username": self.name, "auth-password": self.password}
        return form(LOGIN, "login_view", "auth", body, host=host, cookie=f"csrftoken={CSRF}")


def form(
    path: str, wizard: str, step: str, fields: dict[str, str], *, host: str, cookie: str
) -> bytes:
    """A step of one of its wizards."""
    body = {"csrfmiddlewaretoken": CSRF, f"{wizard}-current_step": step, **fields}
    return load.post(path, urlencode(body), host=host, cookie=cookie)


@dataclass(frozen=True)
class Peer:
    """Its running server and how to make accounts in its database."""

    server: Serving
    python: Path
    environ: dict[str, str]

    def seed(
        self, accounts: int, *, half: int = 0, full: int = 0, app: bool = True
    ) -> list[Account]:
        """Make accounts, each with so many sessions of either kind."""
        result = subprocess.run(
            [self.python, "-m", f"{PROJECT}.seed", str(accounts), str(half), str(full), str(+app)],
            check=True, capture_output=True, text=True, cwd=ROOT, env=self.environ,
        )  # fmt: skip
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        return [
            Account(row["name"], row["password"], row["secret"], tuple(row["sessions"]))
            for row in rows
        ]


@contextmanager
def running(folder: Path) -> Iterator[Peer]:
    """Serve it by granian with two workers, everything else at granian's defaults."""
    python, port = prepare(), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    environ = {**os.environ, "PEER_DATABASE": str(folder / "peer.sqlite3")}
    subprocess.run(
        [python, "-m", f"{PROJECT}.seed", "1", "0", "0", "1"],
        check=True, capture_output=True, cwd=ROOT, env=environ,
    )  # fmt: skip
    command = [
        str(VENV / "bin/granian"), "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(WORKERS), f"{PROJECT}.wsgi:application",
    ]  # fmt: skip
    with serving(command, port, environ=environ) as server:
        yield Peer(server, python, environ)
