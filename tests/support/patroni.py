"""The cluster of `deploy/`, on one machine: three etcd, three Patroni with PostgreSQL 15, and HAProxy.

The files are those that people copy. Addresses 10.0.0.x become 127.0.0.x, and folders those of the
test; nothing else is changed, so that the example is what is tested.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2 as httpx
import psycopg
import pytest

from tests.support import processes
from tests.support.waiting import wait_until


DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PROGRAMS = (
    "/usr/bin/etcd",
    "/usr/bin/patroni",
    "/usr/lib/postgresql/15/bin/postgres",
    "/usr/sbin/haproxy",
)
USER = "postgres"
MACHINES = (1, 2, 3)
FORM_SECONDS = 90
# A dead primary's claim runs for 20 seconds.
PROMOTE_SECONDS = 60
FRONT = "https://127.0.0.11"
NODES = (("127.0.0.11", 8080), ("127.0.0.12", 8080))


def skip_without_programs() -> None:
    """Say clearly what is missing."""
    missing = [program for program in PROGRAMS if not Path(program).exists()]
    if missing or os.geteuid() != 0:
        pytest.skip(
            "as root, with Debian's etcd-server, patroni, postgresql-15 and haproxy;"
            f" missing: {', '.join(missing) or 'root'}"
        )


def deployed(name: str, **changes: str) -> str:
    """A file of `deploy/` for this machine. `changes`: further words to replace."""
    text = (DEPLOY / name).read_text(encoding="utf-8").replace("10.0.0.", "127.0.0.")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def for_machine(text: str, number: int, *, marks: Sequence[str]) -> str:
    """What a reader changes on machine `number`: its name, and its address on lines with these words."""
    lines = [
        re.sub(r"127\.0\.0\.21", f"127.0.0.2{number}", re.sub(r"\bdb1\b", f"db{number}", line))
        if any(word in line for word in marks)
        else line
        for line in text.splitlines()
    ]
    return "\n".join(lines) + "\n"


@dataclass
class Machine:
    """One database machine. `data`: PostgreSQL's; `processes`: etcd, then Patroni."""

    number: int
    data: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def is_(self, role: str) -> bool:
        """Whether its Patroni says that it has this role: `primary` or `sync`."""
        try:
            url = f"http://127.0.0.2{self.number}:8008/{role}"
            return httpx.get(url, timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """The machine loses its power. PostgreSQL is no child of Patroni's: its own file names it."""
        first = [process.pid for process in self.processes if process.poll() is None]
        with suppress(OSError):
            first.append(int((self.data / "postmaster.pid").read_text().partition("\n")[0]))
        for pid in first:
            processes.send(pid, signal.SIGKILL)
        for process in self.processes:
            process.wait()


@dataclass
class Cluster:
    """Three machines behind HAProxy."""

    folder: Path
    machines: list[Machine]

    @property
    def url(self) -> str:
        """The database, as nodes name it: by HAProxy."""
        return "postgresql://twostep:hush@127.0.0.1:5000/panel"

    def primary(self) -> Machine | None:
        return next((machine for machine in self.machines if machine.is_("primary")), None)

    def kill(self) -> None:
        """The primary's machine is gone, its etcd too."""
        primary = self.primary()
        assert primary is not None
        primary.kill()

    def promote(self) -> None:
        """Wait until Patroni has done it."""
        wait_until("nobody is promoted", self.primary, seconds=PROMOTE_SECONDS)


def _start(folder: Path, name: str, command: Sequence[str | Path], **environ: str) -> Popen:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd="/", stdout=log, stderr=subprocess.STDOUT, user=USER, group=USER, extra_groups=[],
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **environ},
        )  # fmt: skip


Popen = subprocess.Popen[bytes]


def _start_etcd(folder: Path, number: int) -> Popen:
    text = deployed("etcd.default", **{"/var/lib/etcd": str(folder / f"etcd{number}")})
    marks = ("ETCD_NAME", "ETCD_LISTEN", "ETCD_ADVERTISE", "ETCD_INITIAL_ADVERTISE")
    settings = dict(
        re.findall(r'^(\w+)="(.*)"$', for_machine(text, number, marks=marks), re.MULTILINE)
    )
    return _start(folder, f"etcd{number}", ["/usr/bin/etcd"], **settings)


def _start_patroni(folder: Path, number: int) -> Popen:
    sockets = folder / f"sockets{number}"
    sockets.mkdir()
    shutil.chown(sockets, USER)
    text = deployed(
        "patroni.yml",
        **{"/var/lib/postgresql/15/twostep": str(folder / f"db{number}"),
           "/var/run/postgresql": str(sockets)},
    )  # fmt: skip
    text = for_machine(text, number, marks=("name: db1", "listen:", "connect_address:"))
    path = folder / f"patroni{number}.yml"
    path.write_text(text, encoding="utf-8")
    return _start(folder, f"patroni{number}", ["/usr/bin/patroni", path])


def haproxy_file(folder: Path) -> Path:
    """HAProxy's file, with a certificate made for it in `folder`."""
    pem = folder / "panel.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=panel.example.com", "-keyout", folder / "panel.key", "-out", pem],
        check=True, capture_output=True,
    )  # fmt: skip
    pem.write_text(pem.read_text() + (folder / "panel.key").read_text())
    changes = {"/etc/haproxy/panel.pem": str(pem), "bind :80": "bind 127.0.0.11:80",
               "bind :443": "bind 127.0.0.11:443"}  # fmt: skip
    path = folder / "haproxy.cfg"
    path.write_text(deployed("haproxy.cfg", **changes), encoding="utf-8")
    return path


@contextmanager
def run_cluster(folder: Path) -> Iterator[Cluster]:
    """Run everything of `deploy/` but the nodes, with an empty database."""
    shutil.chown(folder, USER)
    folder.chmod(0o755)
    cluster = Cluster(folder, [Machine(number, folder / f"db{number}") for number in MACHINES])
    with ExitStack() as stack:
        for start in (_start_etcd, _start_patroni):
            for machine in cluster.machines:
                stack.callback(machine.kill)
                machine.processes.append(start(folder, machine.number))
        proxy = subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", haproxy_file(folder)])
        stack.callback(proxy.wait)
        stack.callback(proxy.send_signal, signal.SIGTERM)
        wait_until("no cluster comes about", _is_whole(cluster), seconds=FORM_SECONDS)
        _make_database(cluster)
        yield cluster


def _is_whole(cluster: Cluster) -> Callable[[], bool]:
    return lambda: (
        any(machine.is_("primary") for machine in cluster.machines)
        and any(machine.is_("sync") for machine in cluster.machines)
    )


def _make_database(cluster: Cluster) -> None:
    """What the how-to page says to type."""
    url = "postgresql://postgres:CHANGE-ME-1@127.0.0.1:5000/postgres"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE twostep LOGIN PASSWORD 'hush'")
        connection.execute("CREATE DATABASE panel OWNER twostep ENCODING 'UTF8' TEMPLATE template0")
