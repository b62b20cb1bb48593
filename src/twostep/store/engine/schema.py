"""Which schema version the database has, and bringing it up to date.

Every migration says from which schema on a program works with what it makes (`compatible_from`). It is
written into the database with the version, so that nodes of the version before go on, and may start
again, while the schema is newer than they know: expand first, contract once they are gone.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from twostep.store.engine.address import sqlite_path


if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


HEAD = "0010"  # the newest file in migrations/versions; a test keeps the two equal
VERSION_SQL = "SELECT version_num FROM alembic_version"
COMPATIBLE_FROM = "schema_compatible_from"  # a fact of the installation: `SCHEMA OLDEST`
MIGRATIONS = Path(__file__).parent.parent / "migrations"
_UPGRADE_LOCK = 0x7477_6F73  # "twos": a number of our own among PostgreSQL's advisory locks
# Whoever waits for a table holds up all who come later, so an upgrade does not wait long.
_TABLE_WAIT = "5s"
_LOCK_NOT_AVAILABLE = "55P03"
_SQLITE_WAIT_SECONDS = 5


class SchemaMismatch(Exception):
    """The database's schema is not the one this version of the program needs."""


def upgrade(url: str, *, migrations: Path = MIGRATIONS) -> None:
    """Migrate the database at `url` to the newest schema, one process at a time; each migration
    happens in full or not at all, on SQLite all of them together. Raises `SchemaMismatch`."""
    from alembic import command  # noqa: PLC0415  imported only when migrating (0.3 s)
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("path_separator", "os")
    try:
        with _engine(url).connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_lock({_UPGRADE_LOCK})")
                connection.exec_driver_sql(f"SET lock_timeout = '{_TABLE_WAIT}'")
                connection.commit()
            _refuse_newer(connection, config)
            if connection.dialect.name == "postgresql":
                connection.commit()  # each migration is a transaction of its own
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except (CommandError, SQLAlchemyError) as error:
        raise SchemaMismatch(_words(error)) from error


def _refuse_newer(connection: Connection, config: object) -> None:
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    newest = ScriptDirectory.from_config(config).get_current_head()  # type: ignore[arg-type]
    version = MigrationContext.configure(connection).get_current_revision()
    if version is not None and newest is not None and version > newest:
        raise SchemaMismatch(_newer(version, None))


def _words(error: Exception) -> str:
    if getattr(getattr(error, "orig", None), "sqlstate", "") == _LOCK_NOT_AVAILABLE:
        return (
            f"a table was in use for longer than {_TABLE_WAIT}, and nothing was changed by the"
            " migration that met it. Run it again, at a quieter time."
        )
    # The first line: SQLAlchemy adds the statement and an address to read.
    return str(error).partition("\n")[0]


def _engine(url: str) -> Engine:
    """SQLAlchemy's engine. PostgreSQL's address goes to the driver as it is: SQLAlchemy would not
    take one with several hosts."""
    from sqlalchemy import create_engine, event  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    if url.startswith("sqlite:"):
        path = sqlite_path(url)
        engine = create_engine(
            "sqlite://",
            poolclass=NullPool,
            # Python would begin no transaction before a CREATE: a crash would leave half a schema.
            creator=lambda: sqlite3.connect(
                path or ":memory:", isolation_level=None, timeout=_SQLITE_WAIT_SECONDS
            ),
        )
        event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
        return engine
    import psycopg  # noqa: PLC0415  an extra

    return create_engine(
        "postgresql+psycopg://",
        poolclass=NullPool,
        creator=lambda: psycopg.connect(url, target_session_attrs="read-write"),
    )


def compatibility(version: str, compatible_from: str) -> str:
    """The fact `COMPATIBLE_FROM`. It names the schema, so that it says nothing of any other."""
    return f"{version} {compatible_from}"


def review(version: str | None, compatibility: str | None = None) -> None:
    """Raise `SchemaMismatch`, saying what to do, unless this program works with schema `version`.

    `compatibility`: what the database says about it.
    """
    if version == HEAD:
        return
    if version is None:
        raise SchemaMismatch("The database is empty. Run: twostep db upgrade")
    if version < HEAD:
        raise SchemaMismatch(
            f"The database has schema {version}; {HEAD} is needed. Run: twostep db upgrade"
        )
    schema, _, oldest = (compatibility or "").partition(" ")
    if schema != version or oldest > HEAD:
        raise SchemaMismatch(_newer(version, oldest if schema == version else None))


def _newer(version: str, compatible_from: str | None) -> str:
    oldest = (
        f", and serves programs of schema {compatible_from} and later" if compatible_from else ""
    )
    return (
        f"The database has schema {version}, made by a newer Twostep than this one (schema"
        f" {HEAD}){oldest}. Install that version again."
    )
