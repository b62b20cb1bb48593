"""PostgreSQL as one end of a copy: rows come in by COPY, and triggers keep a left database as it is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from twostep.core.outage import StoreUnavailable
from twostep.store.engine import postgres_connection as connections
from twostep.store.engine.postgres_sql import statement
from twostep.store.engine.postgres_words import words
from twostep.store.move.copy_tables import COPIED_TABLES
from twostep.store.move.in_use import InUse
from twostep.store.tx import Row


APPLICATION = "twostep copy"
# A backend is listed for a moment after its connection was closed.
GONE_SECONDS = 2.0
LOCK_TIMEOUT = "5s"
SHUT = "twostep_shut"
# Facts about a database itself are written into it all the same.
_SHUT_TABLES = tuple(table.name for table in COPIED_TABLES if table.name != "installation")
_IDENTITY = (
    "SELECT pg_postmaster_start_time()::text, oid::bigint FROM pg_database"
    " WHERE datname = current_database()"
)
_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND application_name = 'twostep'"
)


class PostgresSide:
    """`Side` on one connection."""

    def __init__(self, url: str) -> None:
        asked: dict[str, Any] = {**connections.parameters(url), "application_name": APPLICATION}
        try:
            self._connection = psycopg.connect(**asked)
        except psycopg.Error as error:
            raise StoreUnavailable(f"The database cannot be reached: {words(error)}") from None
        # Counting a large table takes its time, and so may the other end.
        for name, value in (
            ("statement_timeout", "0"),
            ("idle_in_transaction_session_timeout", "0"),
            ("lock_timeout", LOCK_TIMEOUT),
        ):
            self.rows("SELECT set_config(:name, :value, false)", name=name, value=value)
        self.identity: tuple[object, ...] = ("postgresql", *self.rows(_IDENTITY)[0])
        self._refuse_others()

    def _refuse_others(self) -> None:
        until = time.monotonic() + GONE_SECONDS
        while (count := self.rows(_OTHERS)[0][0]) and time.monotonic() < until:
            time.sleep(0.1)
        if count:
            self.close()
            raise InUse(f"{count} connections of Twostep are open. Stop every node first")

    def rows(self, sql: str, **values: object) -> list[Row]:
        asked = statement(sql)
        with _named():
            cursor = self._connection.cursor(binary=True)
            cursor.execute(asked.text.encode(), [values[name] for name in asked.names])
            return cursor.fetchall() if cursor.description else []

    def columns(self, table: str) -> tuple[str, ...]:
        return tuple(column.name for column in self._describe(table, "*"))

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        names = ", ".join(columns)
        types = [column.type_code for column in self._describe(table, names)]
        try:
            with (
                self._connection.cursor() as cursor,
                cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)".encode()) as copy,
            ):
                copy.set_types(types)
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            nul = _find_nul(table, columns, rows)
            raise StoreUnavailable(nul or words(error)) from error

    def _describe(self, table: str, names: str) -> Sequence[psycopg.Column]:
        with _named():
            return (
                self._connection.execute(
                    f"SELECT {names} FROM {table} LIMIT 0".encode()
                ).description
                or ()
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with _named(), self._connection.transaction():
            yield

    def shut(self, reason: str) -> None:
        """Triggers, because a node that is running would not look at a mark; made only once those
        that were writing have ended."""
        quoted = reason.replace("'", "''").replace("%", "%%")
        self.rows(
            f"CREATE OR REPLACE FUNCTION {SHUT}() RETURNS trigger LANGUAGE plpgsql AS $shut$"
            f" BEGIN RAISE EXCEPTION '{quoted}' USING ERRCODE = '55000'; END $shut$"
        )
        for table in _SHUT_TABLES:
            self.rows(f"DROP TRIGGER IF EXISTS {SHUT} ON {table}")
            self.rows(
                f"CREATE TRIGGER {SHUT} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE"
                f" ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {SHUT}()"
            )

    def unshut(self) -> None:
        for table in _SHUT_TABLES:
            self.rows(f"DROP TRIGGER IF EXISTS {SHUT} ON {table}")
        self.rows(f"DROP FUNCTION IF EXISTS {SHUT}()")

    def finish(self) -> None:
        self.rows("ANALYZE")

    def close(self) -> None:
        with suppress(psycopg.Error):
            self._connection.close()


def _find_nul(table: str, columns: Sequence[str], rows: Sequence[Row]) -> str | None:
    """Where a text holds the copied character that PostgreSQL's texts cannot; None for nowhere."""
    key = next(copied.key for copied in COPIED_TABLES if copied.name == table)
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            if isinstance(value, str) and "\0" in value:
                named = " AND ".join(f"{name} = {_word(row[columns.index(name)])}" for name in key)
                return (
                    f"the text {column} of a row in the table {table} holds a NUL character (a zero"
                    f" byte), which PostgreSQL cannot store. The row: {named}"
                )
    return None


def _word(value: object) -> str:
    """A value of a key as SQL writes it; what cannot be printed is escaped."""
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return ascii(value)


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise StoreUnavailable(words(error)) from error
