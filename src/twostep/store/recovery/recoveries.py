"""Recoveries with a waiting period: at most one an account."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.store import tables
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Recovery:
    """One recovery. `password_version`: of the password that asked for it; another ends it.

    `next_at`: when the next mail is due; `ended_at`: when the waiting was over.
    """

    account_id: str
    id: str
    password_version: int
    started_at: int
    ends_at: int
    next_at: int
    ended_at: int | None


_COLUMNS = tables.columns(Recovery)


def load(tx: Tx, account_id: str) -> Recovery | None:
    """The account's recovery."""
    row = tx.first(f"SELECT {_COLUMNS} FROM recoveries WHERE account_id = :id", id=account_id)
    return None if row is None else Recovery(*row)


def save(tx: Tx, recovery: Recovery) -> None:
    """Begin a recovery, in place of an earlier one."""
    remove(tx, recovery.account_id)
    tables.insert(tx, "recoveries", recovery)


def save_next(tx: Tx, account_id: str, *, next_at: int, ended_at: int | None) -> None:
    """Write down when the next mail is due, and that the waiting is over."""
    tx.do(
        "UPDATE recoveries SET next_at = :next, ended_at = :ended WHERE account_id = :id",
        id=account_id,
        next=next_at,
        ended=ended_at,
    )


def remove(tx: Tx, account_id: str) -> bool:
    """Delete the account's recovery. False: there was none."""
    return tx.run("DELETE FROM recoveries WHERE account_id = :id", id=account_id) == 1


def list_due(tx: Tx, *, now: int, limit: int) -> list[Recovery]:
    """Recoveries for which something is to be done."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM recoveries WHERE next_at <= :now ORDER BY next_at, id LIMIT :limit",
        now=now,
        limit=limit,
    )
    return [Recovery(*row) for row in rows]
