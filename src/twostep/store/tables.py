"""Rows as dataclasses: each field is the column of its name, in the order of the fields.

Tables and columns are named by code alone, never by data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from enum import EnumType
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

from twostep.store.tx import Tx


T = TypeVar("T")


@cache
def columns(kind: Any, *, of: str = "") -> str:
    """The columns of a row's class for a SELECT. `of`: the alias of their table."""
    return ", ".join(f"{of}.{name}" if of else name for name in _names(kind))


def reader(kind: Callable[..., T]) -> Callable[[Sequence[Any]], T]:
    """A function that makes a row of `columns(kind)` into a `kind`."""
    hints = get_type_hints(kind)
    all_meanings = [(place, _meanings(hints[name])) for place, name in enumerate(_names(kind))]
    unlike = [(place, meanings) for place, meanings in all_meanings if meanings]

    def read(row: Sequence[Any]) -> T:
        values = list(row)
        for place, meanings in unlike:
            values[place] = meanings[values[place]]
        return kind(*values)

    return read


def values_of(row: Any) -> dict[str, Any]:
    """The values of a row by column. The engines take a bool as a number, a StrEnum as its text."""
    return {name: getattr(row, name) for name in _names(row.__class__)}


def insert(tx: Tx, table: str, row: Any, /, **more: object) -> None:
    """Add a row. `more`: columns that are no fields, or other values for fields."""
    tx.do(_insert_sql(table, row.__class__, tuple(more)), **(values_of(row) | more))


def insert_new(tx: Tx, table: str, row: Any, /, *, on: str, **more: object) -> bool:
    """As `insert`, unless another row has the same value in the unique column `on`: then False."""
    sql = _insert_new_sql(table, row.__class__, tuple(more), on)
    return tx.run(sql, **(values_of(row) | more)) == 1


def upsert(tx: Tx, table: str, row: Any, /, *, on: str, **more: object) -> None:
    """As `insert`, or overwrite the row that has the same value in the unique column `on`."""
    tx.do(_upsert_sql(table, row.__class__, tuple(more), on), **(values_of(row) | more))


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _meanings(hint: Any) -> Mapping[Any, Any]:
    """A field's value by the column's, where the two differ; empty where they do not.

    Looked up, not called: sessions and accounts are read at every request.
    """
    for kind in get_args(hint) or (hint,):
        if isinstance(kind, EnumType):
            members: list[Any] = list(kind)
            return {None: None, **{member.value: member for member in members}}
    return {0: False, 1: True} if hint is bool else {}


@cache
def _insert_sql(table: str, kind: Any, more: tuple[str, ...]) -> str:
    names = dict.fromkeys(_names(kind) + more)
    places = ", ".join(f":{name}" for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"


@cache
def _insert_new_sql(table: str, kind: Any, more: tuple[str, ...], on: str) -> str:
    return f"{_insert_sql(table, kind, more)} ON CONFLICT ({on}) DO NOTHING"


@cache
def _upsert_sql(table: str, kind: Any, more: tuple[str, ...], on: str) -> str:
    names = dict.fromkeys(_names(kind) + more)
    new = ", ".join(f"{name} = excluded.{name}" for name in names if name != on)
    return f"{_insert_sql(table, kind, more)} ON CONFLICT ({on}) DO UPDATE SET {new}"
