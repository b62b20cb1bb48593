"""Every function of the store on both engines, with made-up arguments and the same answer.

A safety net: a statement that one engine refuses, or whose answer has another type there, is found
without anybody having thought of it. What the functions mean is told by the other tests.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.support.engines import Engine, open_store
from twostep import store
from twostep.core.audit.audit_chain import Head
from twostep.core.audit.event import SYSTEM, Event, Outcome, Source
from twostep.core.methods.totp import Drift
from twostep.core.sealing import Keyring, new_key
from twostep.store.operate.sealed_columns import SEALED_COLUMNS, SealedColumn
from twostep.store.tx import Tx


ACCOUNT = "acc"
Function = Callable[..., Any]
# `tables` takes the names of tables: whoever names one is called here.
NO_STATEMENTS = ("twostep.store.migrations", "twostep.store.tables")


def _functions() -> list[tuple[str, Function]]:
    functions = []
    for module in pkgutil.walk_packages(store.__path__, "twostep.store."):
        if module.ispkg or module.name.startswith(NO_STATEMENTS):
            continue
        loaded = importlib.import_module(module.name)
        for name, function in vars(loaded).items():
            if not inspect.isfunction(function) or function.__module__ != loaded.__name__:
                continue
            if name.startswith("_") or next(iter(_types(function)), "") != "tx":
                continue
            functions.append((f"{module.name.removeprefix('twostep.store.')}.{name}", function))
    return functions


def _types(function: Function) -> dict[str, Any]:
    hints = typing.get_type_hints(function)
    return {name: hints[name] for name in inspect.signature(function).parameters if name in hints}


SIMPLE: dict[Any, Any] = {
    Drift: Drift(0, 0),
    str: ACCOUNT,
    int: 7,
    bool: True,
    bytes: b"\0\xff",
    Source: SYSTEM,
    Event: Event("sign_in.completed", Outcome.OK),
    SealedColumn: SEALED_COLUMNS[0],
    Keyring: Keyring((new_key(),)),
}


def _value(wanted: Any) -> Any:
    """Some value of a type."""
    if wanted in SIMPLE:
        return SIMPLE[wanted]
    if typing.get_origin(wanted) is not None:
        return _composed(typing.get_origin(wanted), typing.get_args(wanted))
    if issubclass(wanted, enum.Enum):
        return next(iter(wanted))
    hints = typing.get_type_hints(wanted)
    return wanted(**{field.name: _value(hints[field.name]) for field in dataclasses.fields(wanted)})


def _composed(origin: Any, arguments: tuple[Any, ...]) -> Any:
    if origin in {types.UnionType, typing.Union}:
        return _value(next(argument for argument in arguments if argument is not type(None)))
    if origin is typing.Literal:
        return arguments[0]
    if origin in {dict, Mapping}:
        return {_value(arguments[0]): _value(arguments[1])}
    values = [_value(argument) for argument in arguments if argument is not Ellipsis]
    return tuple(values) if origin is tuple else values


class _Undone(Exception):
    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer


def _call_and_undo(tx: Tx, function: Function) -> None:
    """Without foreign keys: the rows that it names are not there."""
    if tx.engine == "postgresql":
        tx.do("SET LOCAL session_replication_role = replica")
    else:
        tx.do("PRAGMA defer_foreign_keys = ON")
    tx.heads[ACCOUNT] = Head()
    arguments = _types(function)
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "tx":
            continue
        value = _value(arguments[name])
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            named[name] = value
        else:
            positional.append(value)
    answer: object
    try:
        answer = function(tx, *positional, **named)
    except LookupError as error:
        answer = str(error)  # it does not find the row that was made up
    tx.first("SELECT 1")  # what was sent and not waited for may still fail
    raise _Undone(answer)


async def _answer(engine: Engine, function: Function) -> object:
    async with open_store(engine) as opened:
        with pytest.raises(_Undone) as undone:
            await opened.run(_call_and_undo, function)
        return undone.value.answer


@pytest.mark.parametrize(
    "function", [pytest.param(function, id=name) for name, function in _functions()]
)
def test_both_engines_answer_alike(
    one_database_each: tuple[Engine, Engine], function: Function
) -> None:
    sqlite, postgresql = (asyncio.run(_answer(engine, function)) for engine in one_database_each)
    assert sqlite == postgresql
    assert type(sqlite) is type(postgresql)


def test_the_net_holds_every_module_with_statements() -> None:
    covered = {name.split(".")[-2] for name, _ in _functions()}
    assert {"accounts", "sessions", "throttles", "outbox", "trail", "challenges"} <= covered
    assert len(_functions()) > 100
