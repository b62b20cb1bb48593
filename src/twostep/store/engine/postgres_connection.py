"""How we connect to PostgreSQL: time-outs, what a server must be, and errors in words."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from twostep.core.outage import StoreUnavailable
from twostep.store.engine.postgres_wire import PreparedConnection


OLDEST_SERVER = 130000
# A dead peer is noticed within seconds, so that a failover is over soon. Of several hosts in the
# address the one is taken that can be written to, so that the new primary is found without a proxy.
_DEFAULTS = {
    "application_name": "twostep",
    "client_encoding": "utf8",
    "target_session_attrs": "read-write",
    "connect_timeout": "3",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
_TIMEOUTS = {
    "statement_timeout": "10s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "15s",
}


def parameters(url: str) -> dict[str, Any]:
    """What to connect with; the address has the last word. Raises `StoreUnavailable`."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # Without libpq's words, which may quote the password.
        raise StoreUnavailable(
            "database_url is no address of a PostgreSQL database:"
            " postgresql://USER:PASSWORD@HOST:PORT/NAME"
        ) from None
    return {**_DEFAULTS, **given, "autocommit": True, "cursor_factory": psycopg.RawCursor}


def connect(url: str) -> PreparedConnection:
    """One connection of our kind."""
    connection = PreparedConnection.connect(**parameters(url))
    configure(connection)
    return connection


def configure(connection: PreparedConnection) -> None:
    """Set the time-outs, as statements: a pooler in between may refuse them as start-up options."""
    for name, span in _TIMEOUTS.items():
        connection.execute("SELECT set_config($1, $2, false)", (name, span))


def probe(url: str) -> None:
    """Look whether the server can carry us. Raises `StoreUnavailable`, saying what to do."""
    try:
        with psycopg.connect(**parameters(url)) as connection:
            version = connection.info.server_version
            row = connection.execute(
                "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',"
                " current_setting('server_encoding')"
            ).fetchone()
    except psycopg.Error as error:
        raise StoreUnavailable(
            f"The database of database_url cannot be reached: {words(error)}"
        ) from None
    is_read_only, encoding = row or (False, "")
    if version < OLDEST_SERVER:
        raise StoreUnavailable(
            f"PostgreSQL {version // 10_000} is too old: {OLDEST_SERVER // 10_000} or newer is needed."
        )
    if is_read_only:
        raise StoreUnavailable(READ_ONLY)
    if encoding != "UTF8":
        raise StoreUnavailable(
            f"The database has the encoding {encoding}; UTF8 is needed. Make one:"
            " createdb --encoding=UTF8 --template=template0 NAME"
        )


async def listener(url: str, channel: str) -> psycopg.AsyncConnection[TupleRow]:
    """A connection that listens on `channel`."""
    asked = {**parameters(url), "cursor_factory": psycopg.AsyncRawCursor}
    connection = await psycopg.AsyncConnection[TupleRow].connect(**asked)
    await connection.execute(f"LISTEN {channel}".encode())
    return connection


READ_ONLY = (
    "The server of database_url is read-only: it is a replica, or was one a moment ago."
    " Name the primary, or all servers: postgresql://USER@HOST1,HOST2/NAME finds it by itself."
)
# The database does not serve us, whatever the statement: nothing is wrong with the program.
OUTAGES = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.ReadOnlySqlTransaction,
    errors.InsufficientPrivilege,
)
_LIBPQ_READ_ONLY = ("session is read-only", "server is in hot standby mode")


def words(error: psycopg.Error) -> str:
    """An error's first line, without the values that the server quotes in its details."""
    line = str(error).strip().partition("\n")[0]
    if isinstance(error, errors.ReadOnlySqlTransaction) or line.endswith(_LIBPQ_READ_ONLY):
        return READ_ONLY
    said = error.diag.message_primary or line
    if isinstance(error, errors.InsufficientPrivilege):
        return (
            f"The user of database_url lacks a right: {said}. To see what to grant: twostep doctor"
        )
    return said
