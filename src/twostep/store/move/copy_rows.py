"""Copy every row from one database to another, in pages; ended anywhere, it goes on where it was.

The position stands in the target, written in the transaction of the rows. What is about a database
itself, as its marks, is not copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from twostep.store.engine.schema import COMPATIBLE_FROM
from twostep.store.move.copy_sides import Side
from twostep.store.move.copy_tables import COPIED_TABLES, CopiedTable
from twostep.store.move_marks import COPYING, MOVED, Copying, Moved, read_copying, read_moved
from twostep.store.tx import Row


PAGE = 5000
# Facts about one database, not about the installation.
OWN_FACTS = (MOVED, COPYING, COMPATIBLE_FROM)
_COPIED_FACTS = " AND ".join(f"name <> '{name}'" for name in OWN_FACTS)

Progress = Callable[[int, int], None]


def load_moved(side: Side) -> Moved | None:
    """The mark of a database that was left."""
    return read_moved(load_fact(side, MOVED))


def load_copying(side: Side) -> Copying | None:
    """How far a copy into it has come."""
    return read_copying(load_fact(side, COPYING))


def mark_moved(side: Side, mark: Moved) -> None:
    """Leave a database: nothing writes to it from now on."""
    with side.transaction():
        _save_fact(side, MOVED, mark.text())
        side.shut(f"this database was moved to {mark.to}")


def unmark_moved(side: Side) -> None:
    """Take a database that was left into use again."""
    with side.transaction():
        side.unshut()
        side.rows("DELETE FROM installation WHERE name = :name", name=MOVED)


def mark_copying(side: Side, mark: Copying) -> None:
    """Begin a copy into an empty database."""
    _save_fact(side, COPYING, mark.text())


def load_fact(side: Side, name: str) -> str | None:
    """One fact of the installation."""
    rows = side.rows("SELECT value FROM installation WHERE name = :name", name=name)
    return rows[0][0] if rows else None


def find_rows(side: Side) -> str | None:
    """The first table that holds any row; None for an empty database."""
    for table in COPIED_TABLES:
        if side.rows(f"SELECT 1 FROM {table.name} WHERE {_condition(table)} LIMIT 1"):
            return table.name
    return None


def count_rows(side: Side) -> dict[str, int]:
    """The rows that a copy takes, by table."""
    return {
        table.name: int(
            side.rows(f"SELECT count(*) FROM {table.name} WHERE {_condition(table)}")[0][0]
        )
        for table in COPIED_TABLES
    }


def copy_rows(
    source: Side, target: Side, mark: Copying, *, total: int, report: Progress
) -> Copying:
    """Copy what is behind `mark`; where it ended. `report`: rows done, and of how many."""
    names = [table.name for table in COPIED_TABLES]
    first = names.index(mark.table) if mark.table else 0
    report(mark.rows, total)
    for table in COPIED_TABLES[first:]:
        columns = source.columns(table.name)
        places = [columns.index(name) for name in table.key]
        after = mark.after if table.name == mark.table else ()
        for page in _pages(source, table, columns, after):
            last = tuple(page[-1][place] for place in places)
            mark = replace(mark, table=table.name, after=last, rows=mark.rows + len(page))
            with target.transaction():
                target.insert(table.name, columns, page)
                _save_fact(target, COPYING, mark.text())
            report(mark.rows, total)
    return mark


def _pages(
    side: Side, table: CopiedTable, columns: Sequence[str], after: tuple[object, ...]
) -> Iterator[list[Row]]:
    key, names = ", ".join(table.key), ", ".join(columns)
    places = [columns.index(name) for name in table.key]
    while True:
        marks = ", ".join(f":k{number}" for number in range(len(after)))
        behind = f" AND ({key}) > ({marks})" if after else ""
        page = side.rows(
            f"SELECT {names} FROM {table.name} WHERE {_condition(table)}{behind}"
            f" ORDER BY {key} LIMIT :limit",
            limit=PAGE,
            **{f"k{number}": value for number, value in enumerate(after)},
        )
        if not page:
            return
        yield page
        after = tuple(page[-1][place] for place in places)


def _condition(table: CopiedTable) -> str:
    return _COPIED_FACTS if table.name == "installation" else "1 = 1"


def _save_fact(side: Side, name: str, value: str) -> None:
    side.rows(
        "INSERT INTO installation (name, value) VALUES (:name, :value)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        name=name,
        value=value,
    )
