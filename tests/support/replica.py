"""A primary and its replica, which keeps every commit before it is acknowledged.

`kill` ends the primary as a machine that lost its power; `promote` makes the replica the primary.
Neither knows of the nodes, which find the new primary by the address that names both.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import processes
from tests.support.postgres import (
    PostgresServer,
    Programs,
    new_folder,
    open_programs,
    run_server,
    start_server,
)
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Pair:
    """Two servers. `data`: the replica's."""

    primary: PostgresServer
    replica: PostgresServer
    programs: Programs
    data: Path

    def url(self, name: str) -> str:
        """The address of a database, naming both servers, the replica first: the harder way."""
        ports = (self.replica.port, self.primary.port)
        return f"postgresql://twostep@{','.join(f'127.0.0.1:{port}' for port in ports)}/{name}"

    def new_database(self) -> str:
        """The address of a fresh database with the schema."""
        return self.url(self.primary.new_database().rpartition("/")[2])

    def kill(self) -> None:
        """The primary's machine is gone."""
        if self.primary.process.poll() is None:
            processes.send(self.primary.process.pid, signal.SIGKILL)
            self.primary.process.wait()

    def freeze(self) -> None:
        """The primary takes connections and answers nothing, as with a disk that hangs."""
        processes.send(self.primary.process.pid, signal.SIGSTOP)

    def promote(self) -> None:
        """Make the replica the primary; returns when it can be written to."""
        self.programs.run("pg_ctl", "promote", "-D", self.data, "-w")


@contextmanager
def run_pair(folder: Path) -> Iterator[Pair]:
    """Run both in `folder`."""
    (folder / "primary").mkdir()
    with run_server(folder / "primary") as primary:
        programs = open_programs(folder)
        data = new_folder(programs, folder / "replica")
        programs.run(
            "pg_basebackup", "-D", data, "-d", primary.url("postgres"), "--write-recovery-conf",
            "--checkpoint=fast", "--no-sync",
        )  # fmt: skip
        with start_server(programs, data) as replica:
            primary.administer("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.administer("SELECT pg_reload_conf()")
            _wait_for_copies(primary)
            pair = Pair(primary, replica, programs, data)
            try:
                yield pair
            finally:
                pair.kill()  # a frozen one would not hear that it should stop


def _wait_for_copies(primary: PostgresServer) -> None:
    def joined() -> bool:
        state = primary.administer("SELECT sync_state FROM pg_stat_replication")
        return state == [("sync",)]

    wait_until("the replica does not join", joined)
