"""A copy of the whole database in one file, made while others read and write."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from twostep.core.outage import DatabaseMisconfigured, StoreUnavailable
from twostep.store.engine.address import sqlite_path
from twostep.store.engine.open import NO_DRIVER
from twostep.store.engine.sqlite_reads import unavailable


NO_PG_DUMP = "pg_dump is not installed. Run: sudo apt install postgresql-client"
_OURS = 0o600


def back_up(url: str, target: Path) -> None:
    """Write the copy to `target`, which only its owner may read; what was there before stays until it
    is whole. SQLite's is a database, PostgreSQL's an archive for pg_restore.

    Blocks as long as it takes. Raises `StoreUnavailable` and OSError.
    """
    source = sqlite_path(url)
    _refuse(target, source)
    partial = target.with_name(f".{target.name}.part")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OURS))
    try:
        if source is not None:
            _copy_sqlite(source, partial)
        else:
            _dump_postgres(url, partial)
        _sync(partial)
        partial.replace(target)
        _sync(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def _refuse(target: Path, source: Path | None) -> None:
    target.parent.stat()
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "It is a folder. Name a file in it", str(target))
    if source and source.exists() and target.exists() and target.samefile(source):
        raise FileExistsError(
            errno.EEXIST, "It is the database itself. Name another file", str(target)
        )


def _copy_sqlite(source: Path, target: Path) -> None:
    """In one step: a copy in several would begin again with every change."""
    address = f"{source.absolute().as_uri()}?mode=rw"
    try:
        with (
            closing(sqlite3.connect(address, uri=True)) as database,
            closing(sqlite3.connect(target)) as copy,
        ):
            database.backup(copy)
    except sqlite3.Error as error:
        raise unavailable(error, target if "is full" in str(error) else source) from None


def _dump_postgres(url: str, target: Path) -> None:
    try:
        from psycopg.conninfo import make_conninfo  # noqa: PLC0415  an extra

        from twostep.store.engine.postgres_connection import given_parameters  # noqa: PLC0415
    except ModuleNotFoundError:
        raise DatabaseMisconfigured(NO_DRIVER) from None
    program = shutil.which("pg_dump")
    if program is None:
        raise DatabaseMisconfigured(NO_PG_DUMP)
    given = given_parameters(url)
    # In the environment, because everybody on this machine sees the arguments.
    password = given.pop("password", None)
    environ = os.environ | ({"PGPASSWORD": str(password)} if password else {})
    command = [program, "--format=custom", f"--file={target}", f"--dbname={make_conninfo(**given)}"]
    result = subprocess.run(  # noqa: S603  no shell
        command, env=environ, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        said = " ".join(result.stderr.split()) or f"it ended with {result.returncode}"
        raise StoreUnavailable(f"The database was not backed up: {said}")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
