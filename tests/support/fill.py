"""Rows for every table, made up from the schema alone, so that a new table is filled without a word here."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from twostep.store.move.copy_sides import open_side
from twostep.store.move.copy_tables import COPIED_TABLES


TEXTS = ("", "Zoë", "日本", "a\tb\nc\\N", "'\"%s :x $1", "\U0001f512", "\u200fעברית")
NUMBERS = (0, -1, 2**63 - 1, -(2**63), 1_764_000_000)
BLOBS = (b"", b"\0", bytes(range(256)), b"\\x00\xff\n")


# What a job would act on, which odd rows of accounts do not bear.
READ_BACK = {("refusals", "waiting"): 0}


def fill_tables(path: Path, count: int, *, first_instant: int | None = None) -> None:
    """Put `count` rows into every table of a SQLite database; keys are unique, the rest is odd.

    `first_instant`: with it numbers are no odd ones, but instants from there on.
    """
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA foreign_keys = ON")
        there = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
        for table in COPIED_TABLES:
            if table.name not in there:  # a schema of before
                continue
            _fill(database, table.name, count, first_instant)
        database.commit()


def fill_like(path: Path, url: str) -> None:
    """Put every row of a filled SQLite database into the one at `url`, and let the engine count."""
    source, target = open_side(f"sqlite:///{path}"), open_side(url)
    try:
        for table in COPIED_TABLES:
            columns = source.columns(table.name)
            names = ", ".join(columns)
            rows = source.rows(f"SELECT {names} FROM {table.name}")  # noqa: S608  our own
            copied = [row for row in rows if table.name != "installation" or "-" in row[0]]
            target.insert(table.name, columns, copied)
        target.finish()
    finally:
        source.close()
        target.close()


def _fill(database: sqlite3.Connection, table: str, count: int, first_instant: int | None) -> None:
    columns = database.execute(f"PRAGMA table_info({table})").fetchall()
    if not columns:  # the database has an older schema, without this table
        return
    parents = {
        column: [row[0] for row in database.execute(f"SELECT {there} FROM {parent} ORDER BY 1")]  # noqa: S608  our own
        for _, _, parent, column, there, *_ in database.execute(f"PRAGMA foreign_key_list({table})")
    }
    unique = _unique_columns(database, table)
    rows = []
    for number in range(count):
        row = []
        for _, name, kind, needed, *_ in columns:
            if name in parents:
                row.append(parents[name][number % len(parents[name])])
            elif (table, name) in READ_BACK or name == "channel":
                row.append(READ_BACK.get((table, name), "sms"))
            elif name in unique:
                row.append(_key(kind, table, number))
            elif kind == "INTEGER" and first_instant is not None and needed:
                row.append(first_instant + number)
            else:
                row.append(_odd(kind, number, may_be_null=not needed))
        rows.append(row)
    marks = ", ".join("?" * len(columns))
    database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608  our own


def _unique_columns(database: sqlite3.Connection, table: str) -> set[str]:
    indexes = [row[1] for row in database.execute(f"PRAGMA index_list({table})") if row[2]]
    columns = {
        row[2] for index in indexes for row in database.execute(f"PRAGMA index_info({index})")
    }
    return columns | {row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[5]}


def _key(kind: str, table: str, number: int) -> object:
    if kind == "INTEGER":
        return number
    text = f"{table}-{number:06}"
    return text if kind == "TEXT" else text.encode() + b"\0\xff"


def _odd(kind: str, number: int, *, may_be_null: bool) -> object:
    if may_be_null and number % 3 == 0:
        return None
    values: tuple[object, ...] = {"TEXT": TEXTS, "INTEGER": NUMBERS, "BLOB": BLOBS}[kind]
    return values[number % len(values)]
