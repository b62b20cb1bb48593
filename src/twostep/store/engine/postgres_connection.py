"""How we connect to PostgreSQL: time-outs, what a server must be, and errors in words."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from twostep.core.outage import DatabaseMisconfigured, StoreUnavailable
from twostep.store.engine.address import is_misread
from twostep.store.engine.postgres_wire import PreparedConnection
from twostep.store.engine.postgres_words import NO_ADDRESS, READ_ONLY, unreachable


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


def given_parameters(url: str) -> dict[str, Any]:
    """What the address says. Raises `DatabaseMisconfigured`."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # Without libpq's words, which may quote the password.
        raise DatabaseMisconfigured(NO_ADDRESS) from None
    if is_misread(url, given):
        raise DatabaseMisconfigured(NO_ADDRESS)
    return given


def parameters(url: str) -> dict[str, Any]:
    """What to connect with; the address has the last word. Raises `DatabaseMisconfigured`."""
    given = given_parameters(url)
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
                " current_setting('server_encoding'), current_schema(),"
                " current_setting('search_path'), quote_ident(current_user)"
            ).fetchone()
    except psycopg.Error as error:
        raise unreachable(error) from None
    is_read_only, encoding, schema, search_path, user = row or (False, "", "", "", "")
    if version < OLDEST_SERVER:
        raise DatabaseMisconfigured(
            f"PostgreSQL {version // 10_000} is too old: {OLDEST_SERVER // 10_000} or newer is needed."
        )
    if is_read_only:
        raise StoreUnavailable(READ_ONLY)
    if encoding != "UTF8":
        raise DatabaseMisconfigured(
            f"The database has the encoding {encoding}; UTF8 is needed. Make one:"
            " createdb --encoding=UTF8 --template=template0 NAME"
        )
    if schema is None:
        raise DatabaseMisconfigured(
            f"No schema of the search_path ({search_path}) exists or may be used by {user}. Let the"
            f" database's owner run: CREATE SCHEMA NAME AUTHORIZATION {user};"
        )


async def listener(url: str, channel: str) -> psycopg.AsyncConnection[TupleRow]:
    """A connection that listens on `channel`."""
    asked = {**parameters(url), "cursor_factory": psycopg.AsyncRawCursor}
    connection = await psycopg.AsyncConnection[TupleRow].connect(**asked)
    await connection.execute(f"LISTEN {channel}".encode())
    return connection


# The database does not serve us, whatever the statement: nothing is wrong with the program.
OUTAGES = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.ReadOnlySqlTransaction,
    errors.InsufficientPrivilege,
    errors.DuplicatePreparedStatement,
    errors.InvalidSqlStatementName,
)
