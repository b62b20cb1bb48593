"""Which engine a `database_url` means. A driver is imported where its engine is asked for."""

from __future__ import annotations

from twostep.config.file_owner import hand_over
from twostep.config.operate import lacks_extra
from twostep.core.outage import DatabaseMisconfigured
from twostep.store import installation
from twostep.store import move_marks as copy_marks
from twostep.store.engine import schema
from twostep.store.engine.address import sqlite_path
from twostep.store.tx import Store


NO_DRIVER = lacks_extra("PostgreSQL needs a driver", "postgresql")

# In each process, where nothing else is asked for; the default of `database_connections`.
CONNECTIONS = 12

# Why a database that can be opened may still not be used.
UNUSABLE = (schema.SchemaMismatch, copy_marks.DatabaseMoved)


def open_engine(url: str, *, connections: int = CONNECTIONS) -> Store:
    """Open the database at `url`. Raises `StoreUnavailable`.

    `connections`: the most that PostgreSQL is asked for, 3 at least; SQLite has no use for them.
    """
    path = sqlite_path(url)
    if path is not None:
        from twostep.store.engine.sqlite import SqliteStore  # noqa: PLC0415  as the other

        return SqliteStore(path)
    try:
        from twostep.store.engine.postgres import PostgresStore  # noqa: PLC0415  an extra; 0.15 s
    except ModuleNotFoundError:
        raise DatabaseMisconfigured(NO_DRIVER) from None
    return PostgresStore(url, most=connections)


def review(store: Store) -> None:
    """Raise `SchemaMismatch` or `DatabaseMoved`, saying what to do, unless this program may use the
    database as it is. Blocks; raises `StoreUnavailable` too."""
    version = store.schema_version()
    compatibility = None
    if version is not None and version > schema.HEAD:
        compatibility = store.read_now(installation.load, schema.COMPATIBLE_FROM)
    schema.review(version, compatibility)
    store.read_now(copy_marks.review)


def upgrade(url: str) -> None:
    """Bring the schema up to date; makes SQLite's file and folder where there are none.

    Raises `StoreUnavailable`, `SchemaMismatch` and `OSError`.
    """
    path = sqlite_path(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = not path.exists()
        schema.upgrade(f"sqlite:///{path}")
        if made:
            hand_over(path, like=path.parent)
        return
    try:
        from twostep.store.engine.postgres_connection import probe  # noqa: PLC0415  as above
    except ModuleNotFoundError:
        raise DatabaseMisconfigured(NO_DRIVER) from None
    probe(url)
    schema.upgrade(url)
