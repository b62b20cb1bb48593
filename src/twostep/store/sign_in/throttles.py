"""Counters of wrong tries: in the database, exact under parallel requests, kept over restarts."""

from __future__ import annotations

from collections.abc import Sequence

from twostep.core.sign_in.throttle import PASSWORD_IN_A_ROW, State
from twostep.store import tables
from twostep.store.tx import Tx


_STATE = f"SELECT {tables.columns(State)} FROM throttles WHERE key = :key"
# Ranges, not LIKE: word for word the conditions of two indexes (migration 0004), or no engine takes
# them. Strangers' rules count for an hour at most: a row not touched for longer says nothing.
_STRANGERS = (
    "(key >= 'password.' AND key < 'password/' OR key >= 'reset_mail.' AND key < 'reset_mail/'"
    " OR key >= 'code.network:' AND key < 'code.network;'"
    " OR key >= 'passkey.network:' AND key < 'passkey.network;')"
)
_PASSING = (
    "(key < 'code:' OR key >= 'code;') AND (key < 'recovery_code:' OR key >= 'recovery_code;')"
)
# Tries in a row count until they are forgiven: an hour of patience must not begin them anew.
_IN_A_ROW = f"(key >= '{PASSWORD_IN_A_ROW.name}:' AND key < '{PASSWORD_IN_A_ROW.name};')"


def load(tx: Tx, key: str) -> State:
    """Read a counter without locking it."""
    row = tx.first(_STATE, key=key)
    return State() if row is None else State(*row)


def hold(tx: Tx, key: str) -> State:
    """Read a counter by which this transaction decides: nobody else moves it until its end.

    Without that, tries over many accounts at once would all see the same count (SQLite has one
    writer). Where no counter is yet there is nothing to hold, and `lock` tells who came later.
    """
    row = tx.first(f"{_STATE} FOR UPDATE" if tx.engine == "postgresql" else _STATE, key=key)
    return State() if row is None else State(*row)


def lock(tx: Tx, key: str, *, now: int) -> State:
    """Take a counter's row for the rest of the transaction, making it when it is not there."""
    row = tx.first(
        "INSERT INTO throttles (key, count, since_at, waits, until_at, updated_at)"
        " VALUES (:key, 0, 0, 0, 0, :now) ON CONFLICT (key) DO UPDATE SET updated_at = :now"
        f" RETURNING {tables.columns(State)}",
        key=key,
        now=now,
    )
    return State() if row is None else State(*row)


def save(tx: Tx, key: str, state: State, *, now: int) -> None:
    """Keep a counter."""
    tables.upsert(tx, "throttles", state, on="key", key=key, updated_at=now)


def remove(tx: Tx, key: str) -> None:
    """Forget a counter: somebody has proved who they are."""
    tx.do("DELETE FROM throttles WHERE key = :key", key=key)


def remove_both(tx: Tx, first: str, other: str) -> None:
    """Forget two counters in one statement: every sign-in does."""
    tx.do("DELETE FROM throttles WHERE key IN (:first, :other)", first=first, other=other)


def remove_all(tx: Tx, keys: Sequence[str]) -> None:
    """Forget several counters in one statement."""
    names = {f"key{number}": key for number, key in enumerate(keys)}
    if names:
        marks = ", ".join(f":{name}" for name in names)
        tx.do(f"DELETE FROM throttles WHERE key IN ({marks})", **names)


def remove_with_prefix(tx: Tx, prefix: str) -> None:
    """Forget every counter whose key begins so."""
    tx.do(
        "DELETE FROM throttles WHERE key >= :first AND key < :last",
        first=prefix,
        last=prefix + "\U0010ffff",
    )


def purge_strangers(tx: Tx, *, before: int, most: int, limit: int) -> int:
    """Drop what strangers can make rows of: counters of the first step and of networks.

    Those that nothing has touched since `before`, and, where more than `most` are left, those that
    have counted least, the oldest first. Known and unknown names alike, so what went tells nobody who
    has an account; and a flood of new counters pushes out itself, not those that stand near a limit.
    """
    updated = tx.run(
        "DELETE FROM throttles WHERE key IN (SELECT key FROM throttles"
        f" WHERE {_STRANGERS} AND {_PASSING} AND NOT {_IN_A_ROW} AND updated_at < :before"
        " ORDER BY updated_at LIMIT :limit)",
        before=before,
        limit=limit,
    )
    row = tx.first(
        "SELECT count(*) FROM"
        f" (SELECT 1 FROM throttles WHERE {_STRANGERS} LIMIT :enough) AS strangers",
        enough=most + limit,
    )
    over = int(row[0]) - most if row else 0
    if over <= 0:
        return updated
    return updated + tx.run(
        "DELETE FROM throttles WHERE key IN (SELECT key FROM throttles"
        f" WHERE {_STRANGERS} ORDER BY count, updated_at, key LIMIT :limit)",
        limit=min(over, limit),
    )


def purge(tx: Tx, *, before: int, limit: int) -> int:
    """Drop counters that nothing has touched since `before`; wrong passwords in a row once the wait
    is over that they can end in; codes in a row, which time does not end, only with their account."""
    return tx.run(
        "DELETE FROM throttles WHERE key IN"
        f" (SELECT key FROM throttles WHERE updated_at < :before AND {_PASSING}"
        f" AND (NOT {_IN_A_ROW} OR updated_at < :long_before) LIMIT :limit)",
        before=before,
        long_before=before - PASSWORD_IN_A_ROW.longest_wait_seconds,
        limit=limit,
    )
