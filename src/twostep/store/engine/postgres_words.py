"""PostgreSQL's errors in words for the operator: what happened, then what to do.

A connection that was refused comes without an error code, so its text is what there is to go by.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg
from psycopg import errors

from twostep.core.outage import DatabaseMisconfigured, StoreUnavailable


READ_ONLY = (
    "The server of database_url is read-only: it is a replica, or was one a moment ago."
    " Name the primary, or all servers: postgresql://USER@HOST1,HOST2/NAME finds it by itself."
)
POOLED = (
    "A pooler between us and PostgreSQL gives each transaction another connection, so prepared"
    " statements are lost. In PgBouncer, set pool_mode = session; from version 1.21 on,"
    " max_prepared_statements = 500 is enough."
)
GRANT = (
    "Let the tables' owner run: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO"
    " USER; with another schema, also: GRANT USAGE ON SCHEMA NAME TO USER;"
)
NO_ADDRESS = (
    "database_url is no address of a PostgreSQL database. Write it as"
    " postgresql://USER:PASSWORD@HOST:PORT/NAME. In user, password and name these characters have to"
    " be percent-encoded: @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, % as %25, & as %26, a"
    " space as %20"
)
_LIBPQ_READ_ONLY = ("session is read-only", "server is in hot standby mode")
_SEVERAL = "Multiple connection attempts failed"


@dataclass(frozen=True, slots=True)
class _Remedy:
    """`lasts`: trying again does not help, somebody has to change something."""

    pattern: str
    text: str
    lasts: bool = False


_REMEDIES = (
    _Remedy(
        r"password authentication failed|no password supplied|authentication failed",
        "Check user and password in database_url; special characters in them have to be"
        " percent-encoded, @ as %40.",
        lasts=True,
    ),
    _Remedy(
        r"no pg_hba\.conf entry",
        "Let the server's administrator allow this machine, user and database in pg_hba.conf.",
        lasts=True,
    ),
    _Remedy(
        r'database ".*" does not exist',
        "Correct the name in database_url, or make it: createdb --encoding=UTF8 --template=template0"
        " NAME",
        lasts=True,
    ),
    _Remedy(
        r'role ".*" does not exist',
        "Correct the user in database_url, or make it: createuser --pwprompt NAME",
        lasts=True,
    ),
    _Remedy(
        r"too many (connections|clients)|connection slots are reserved",
        "Lower database_connections, or raise max_connections there or the limit of the database or"
        " the user.",
    ),
    _Remedy(
        r"Connection refused|No such file or directory",
        "Start PostgreSQL, or correct host and port in database_url.",
    ),
    _Remedy(
        r"(translate|resolve) host|Name or service not known",
        "Correct the host in database_url, or look at this machine's name servers.",
    ),
    _Remedy(
        r"timeout expired|timed out|No route to host|Network is unreachable",
        "Look whether the server runs, and whether a firewall is between.",
    ),
    _Remedy(
        r"SSL|certificate",
        "Check sslmode and sslrootcert in database_url, and the server's certificate.",
        lasts=True,
    ),
)


def words(error: psycopg.Error) -> str:
    """An error in words, without the values that the server quotes in its details."""
    line = _line_of(error)
    if isinstance(error, errors.ReadOnlySqlTransaction) or line.endswith(_LIBPQ_READ_ONLY):
        return READ_ONLY
    if isinstance(error, errors.DuplicatePreparedStatement | errors.InvalidSqlStatementName):
        return POOLED
    said = error.diag.message_primary or line
    if isinstance(error, errors.InsufficientPrivilege):
        return f"The user of database_url lacks a right: {said}. {GRANT}"
    remedy = _remedy_for(said)
    return f"{said.rstrip('.')}. {remedy.text}" if remedy else said


def unavailable(error: psycopg.Error) -> StoreUnavailable:
    """What to raise for a statement that the server did not serve."""
    lasts = isinstance(error, errors.InsufficientPrivilege)
    return (DatabaseMisconfigured if lasts else StoreUnavailable)(words(error))


def unreachable(error: psycopg.Error) -> StoreUnavailable:
    """What to raise when no connection could be made."""
    remedy = _remedy_for(_line_of(error))
    kind = DatabaseMisconfigured if remedy and remedy.lasts else StoreUnavailable
    return kind(f"The database of database_url cannot be reached: {words(error)}")


def _line_of(error: psycopg.Error) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines()] or [""]
    if lines[0].startswith(_SEVERAL):  # each attempt has a line: the last is as good as any
        return next((line for line in reversed(lines) if line.startswith("-")), lines[0])
    return lines[0]


def _remedy_for(text: str) -> _Remedy | None:
    return next((remedy for remedy in _REMEDIES if re.search(remedy.pattern, text)), None)
