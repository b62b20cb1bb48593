"""Which schema version the database has, and bringing it up to date."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from sqlalchemy import Engine


HEAD = "0002"  # the newest file in migrations/versions; a test keeps the two equal
VERSION_SQL = "SELECT version_num FROM alembic_version"
_UPGRADE_LOCK = 0x7477_6F73  # "twos": a number of our own among PostgreSQL's advisory locks


class SchemaMismatch(Exception):
    """The database's schema is not the one this version of the program needs."""


def upgrade(url: str) -> None:
    """Migrate the database at `url` to HEAD, one process at a time. Raises `SchemaMismatch`."""
    from alembic import command  # noqa: PLC0415  imported only when migrating (0.3 s)
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    try:
        with _engine(url).connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_lock({_UPGRADE_LOCK})")
                connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
            connection.commit()
    except (CommandError, SQLAlchemyError) as error:
        # The first line: SQLAlchemy adds the statement and an address to read.
        raise SchemaMismatch(str(error).partition("\n")[0]) from error


def _engine(url: str) -> Engine:
    """SQLAlchemy's engine. PostgreSQL's address goes to the driver as it is: SQLAlchemy would not
    take one with several hosts."""
    from sqlalchemy import create_engine  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    if url.startswith("sqlite:"):
        return create_engine(url, poolclass=NullPool)
    import psycopg  # noqa: PLC0415  an extra

    return create_engine(
        "postgresql+psycopg://", poolclass=NullPool, creator=lambda: psycopg.connect(url)
    )


def review(version: str | None) -> None:
    """Raise `SchemaMismatch`, saying what to do, unless `version` is HEAD."""
    if version == HEAD:
        return
    if version is None:
        raise SchemaMismatch("The database is empty. Run: twostep db upgrade")
    if version > HEAD:
        raise SchemaMismatch(
            f"The database has schema {version}, made by a newer Twostep than this one (schema {HEAD})."
            " Install that version again."
        )
    raise SchemaMismatch(
        f"The database has schema {version}; {HEAD} is needed. Run: twostep db upgrade"
    )
