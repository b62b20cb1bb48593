"""Rows for every table, made up from the schema alone, so that a new table is filled without a word here."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from twostep.store.copy_tables import COPIED_TABLES


TEXTS = ("", "Zoë", "日本", "a\tb\nc\\N", "'\"%s :x $1", "\U0001f512", "‏עברית")
NUMBERS = (0, -1, 2**63 - 1, -(2**63), 1_764_000_000)
BLOBS = (b"", b"\0", bytes(range(256)), b"\\x00\xff\n")


def fill_tables(path: Path, count: int, *, but: Collection[str] = ()) -> None:
    """Put `count` rows into every table of a SQLite database; keys are unique, the rest is odd."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA foreign_keys = ON")
        for table in COPIED_TABLES:
            if table.name not in but:
                _fill(database, table.name, count)
        database.commit()


def _fill(database: sqlite3.Connection, table: str, count: int) -> None:
    columns = database.execute(f"PRAGMA table_info({table})").fetchall()
    parents = {
        column: [row[0] for row in database.execute(f"SELECT {there} FROM {parent} ORDER BY 1")]
        for _, _, parent, column, there, *_ in database.execute(f"PRAGMA foreign_key_list({table})")
    }
    unique = _unique_columns(database, table)
    rows = []
    for number in range(count):
        row = []
        for _, name, kind, needed, *_ in columns:
            if name in parents:
                row.append(parents[name][number % len(parents[name])])
            elif name in unique:
                row.append(_key(kind, table, number))
            else:
                row.append(_odd(kind, number, may_be_null=not needed))
        rows.append(row)
    marks = ", ".join("?" * len(columns))
    database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def _unique_columns(database: sqlite3.Connection, table: str) -> set[str]:
    indexes = [row[1] for row in database.execute(f"PRAGMA index_list({table})") if row[2]]
    found = {row[2] for index in indexes for row in database.execute(f"PRAGMA index_info({index})")}
    return found | {row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[5]}


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
