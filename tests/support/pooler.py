"""PgBouncer between the product and its database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.ports import free_port
from tests.support.proxies import program, run_program
from tests.support.waiting import wait_for_port


@contextmanager
def run_pooler(folder: Path, database_url: str, mode: str) -> Iterator[str]:
    """The address of the database through PgBouncer. `mode`: its `pool_mode`.

    Its connections to the server take turns, so that a mode that hands them around shows it at once.
    """
    bouncer = program("pgbouncer")
    server, port = urlsplit(database_url), free_port()
    folder.mkdir()
    users, settings = folder / "users.txt", folder / "pgbouncer.ini"
    users.write_text(f'"{server.username}" ""\n')
    settings.write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {users}\npool_mode = {mode}\n"
        "default_pool_size = 40\nserver_round_robin = 1\n"
    )
    folder.chmod(0o755)
    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with run_program([bouncer, *as_user, str(settings)], folder) as process:
        wait_for_port(process, port)
        yield server._replace(netloc=f"{server.username}@127.0.0.1:{port}").geturl()
