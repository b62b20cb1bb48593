"""Browsers that are not asked for a code. The database holds only digests of what the cookie carries."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.methods.authenticator import RememberedBrowser
from twostep.store import tables
from twostep.store.tx import Tx


_COLUMNS = tables.columns(RememberedBrowser)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A row with its digests. `previous_digest`: the value before, good for a minute more."""

    browser: RememberedBrowser
    digest: bytes
    previous_digest: bytes | None
    rotated_at: int


def list_live(tx: Tx, account_id: str, *, now: int) -> tuple[RememberedBrowser, ...]:
    """Remembered browsers of the account, the last used first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM remembered_browsers WHERE account_id = :id AND expires_at > :now"
        " ORDER BY last_used_at DESC, id DESC",
        id=account_id,
        now=now,
    )
    return tuple(RememberedBrowser(*row) for row in rows)


def load(tx: Tx, account_id: str, *, series: bytes) -> Remembered | None:
    """The account's row of this series."""
    row = tx.first(
        f"SELECT {_COLUMNS}, digest, previous_digest, rotated_at FROM remembered_browsers"
        " WHERE series = :series AND account_id = :account",
        series=series,
        account=account_id,
    )
    return None if row is None else Remembered(RememberedBrowser(*row[:7]), *row[7:])


def insert(tx: Tx, browser: RememberedBrowser, *, series: bytes, digest: bytes, most: int) -> None:
    """Remember a browser; those used longest ago, beyond `most`, go."""
    tx.do(
        "DELETE FROM remembered_browsers WHERE account_id = :account AND id NOT IN"
        " (SELECT id FROM remembered_browsers WHERE account_id = :account"
        " ORDER BY last_used_at DESC, id DESC LIMIT :others)",
        account=browser.account_id,
        others=most - 1,
    )
    tables.insert(
        tx,
        "remembered_browsers",
        browser,
        series=series,
        digest=digest,
        rotated_at=browser.created_at,
    )


def rotate(
    tx: Tx, browser_id: str, *, old_digest: bytes, new_digest: bytes, network: str, now: int
) -> bool:
    """Give the row its next value. False: another request got there first."""
    return (
        tx.run(
            "UPDATE remembered_browsers SET previous_digest = digest, digest = :new,"
            " rotated_at = :now, last_used_at = :now, network = :network"
            " WHERE id = :id AND digest = :old",
            id=browser_id,
            old=old_digest,
            new=new_digest,
            network=network,
            now=now,
        )
        == 1
    )


def remove(tx: Tx, browser_id: str, *, account_id: str) -> bool:
    """Forget one browser of the account."""
    return (
        tx.run(
            "DELETE FROM remembered_browsers WHERE id = :id AND account_id = :account",
            id=browser_id,
            account=account_id,
        )
        == 1
    )


def remove_all(tx: Tx, account_id: str) -> int:
    """Forget every remembered browser of the account; the number of them."""
    return tx.run("DELETE FROM remembered_browsers WHERE account_id = :id", id=account_id)


def purge(tx: Tx, *, before: int, limit: int) -> int:
    """Forget those whose time is over."""
    return tx.run(
        "DELETE FROM remembered_browsers WHERE id IN"
        " (SELECT id FROM remembered_browsers WHERE expires_at < :before LIMIT :limit)",
        before=before,
        limit=limit,
    )
