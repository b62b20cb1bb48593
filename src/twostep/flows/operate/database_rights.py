"""Check that the database lets us write, without leaving anything behind."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress

from twostep.core.outage import StoreUnavailable
from twostep.flows.env import Env
from twostep.store.operate import table_rights
from twostep.store.tx import Tx


NAMED_TABLES = 3


class _RolledBack(Exception):
    """Undoes a write that succeeded."""


async def find_fault(env: Env) -> str:
    """Why some or all writes would fail, and what to do about it; empty if all is well.

    For SQLite the startup has checked the file already. Raises `StoreUnavailable`.
    """
    if fault := await env.store.read(_describe_missing):
        return fault
    try:
        with suppress(_RolledBack):
            await env.store.run(_try_write)
    except StoreUnavailable as error:
        return f"It cannot be written: {error}"
    return ""


def _describe_missing(tx: Tx) -> str:
    missing = table_rights.load_missing(tx)
    if missing is None:
        return ""
    tables: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, rights in missing.tables.items():
        tables[rights].append(name)
    lacking = "; ".join(
        f"{', '.join(rights)} on {_some(names)}" for rights, names in tables.items()
    )
    return (
        f"Its user {missing.user} lacks rights: {lacking}. Let the tables' owner run:"
        f" GRANT {', '.join(table_rights.RIGHTS)} ON ALL TABLES IN SCHEMA {missing.schema}"
        f" TO {missing.user};"
    )


def _some(names: list[str]) -> str:
    more = len(names) - NAMED_TABLES
    return ", ".join(names[:NAMED_TABLES]) + (f" and {more} more" if more > 0 else "")


def _try_write(tx: Tx) -> None:
    if tx.engine == "postgresql":
        table_rights.try_write(tx)
    raise _RolledBack
