"""Every column that holds sealed values, and the keyed digests made from the same clear text.

This one list is what a rotation of keys walks through; a test compares it with the purposes for
which values are sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twostep.core.sealing import LONGEST_HEADER, key_id_of
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class MacColumn:
    """A keyed digest beside a sealed value, from whose clear text it can be made again.

    `unique`: no two rows of the table have the same.
    """

    purpose: str
    column: str
    unique: bool = False


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One column of sealed values. `account_column`: empty where no account is bound in."""

    purpose: str
    table: str
    column: str
    id_column: str = "id"
    account_column: str = "account_id"
    mac: MacColumn | None = None


@dataclass(frozen=True, slots=True)
class SealedCell:
    """One sealed value and where it stands. `mac`: the digest beside it."""

    row_id: str
    account_id: str
    blob: bytes
    mac: bytes | None = None


SEALED_COLUMNS: tuple[SealedColumn, ...] = (
    SealedColumn("apps.secret", "apps", "secret"),
    SealedColumn("pending_apps.secret", "pending_apps", "secret"),
    SealedColumn(
        "phones.number", "phones", "number", mac=MacColumn("phones.fingerprint", "fingerprint")
    ),
    SealedColumn("recovery_sets.shown", "recovery_sets", "shown"),
    SealedColumn(
        "challenges.code", "challenges", "code", mac=MacColumn("challenges.check", "check_mac")
    ),
    SealedColumn("outbox.payload", "outbox", "payload"),
    SealedColumn("kept_posts.form", "kept_posts", "form"),
    SealedColumn(
        "opt_outs.number",
        "opt_outs",
        "number",
        account_column="",
        mac=MacColumn("phones.fingerprint", "fingerprint", unique=True),
    ),
)


def list_at_ends(tx: Tx, *, rows: int) -> list[bytes]:
    """The beginnings of the sealed values in the first and the last rows of each table, in one look
    that costs the same however many rows there are."""
    ends = " UNION ALL ".join(
        f"SELECT part FROM (SELECT substr({column.column}, 1, :size) AS part FROM {column.table}"
        f" ORDER BY {column.id_column} {order} LIMIT :rows) AS {column.table}_{order or 'first'}"
        for column in SEALED_COLUMNS
        for order in ("", "DESC")
    )
    parts = tx.all(f"SELECT part FROM ({ends}) AS ends", size=LONGEST_HEADER, rows=rows)
    return [bytes(row[0]) for row in parts if row[0] is not None]


def count_by_key(tx: Tx, column: SealedColumn) -> dict[str, int]:
    """How many values of a column name each key, by its id; what names none is left out."""
    counts: dict[str, int] = {}
    name = column.column
    starts = tx.all(
        f"SELECT DISTINCT substr({name}, 1, 2) FROM {column.table} WHERE {name} IS NOT NULL"
    )
    for start in (bytes(row[0]) for row in starts):
        if len(start) < 2:
            continue
        rows = tx.all(
            f"SELECT substr({name}, 1, :size), count(*) FROM {column.table}"
            f" WHERE substr({name}, 1, 2) = :start GROUP BY 1",
            size=2 + start[1],
            start=start,
        )
        for header, count in rows:
            if (key_id := key_id_of(bytes(header))) is not None:
                counts[key_id] = counts.get(key_id, 0) + int(count)
    return counts


def list_not_under(
    tx: Tx, column: SealedColumn, header: bytes, *, after: str, limit: int
) -> list[SealedCell]:
    """Cells behind row `after` that were not made with the key of this header, by row."""
    account = column.account_column or "''"
    mac = column.mac.column if column.mac else "NULL"
    rows = tx.all(
        f"SELECT {column.id_column}, {account}, {column.column}, {mac} FROM {column.table}"
        f" WHERE {column.column} IS NOT NULL AND {column.id_column} > :after AND {_stale_of(column)}"
        f" ORDER BY {column.id_column} LIMIT :limit",
        after=after,
        header=header,
        size=len(header),
        limit=limit,
    )
    return [
        SealedCell(row[0], row[1], bytes(row[2]), None if row[3] is None else bytes(row[3]))
        for row in rows
    ]


def replace(
    tx: Tx, column: SealedColumn, old: SealedCell, *, blob: bytes, mac: bytes | None
) -> bool:
    """Put a newly sealed value in. False: the cell has changed meanwhile."""
    if column.mac and column.mac.unique and _has_other(tx, column, old, mac):
        return bool(
            tx.run(f"DELETE FROM {column.table} WHERE {column.id_column} = :id", id=old.row_id)
        )
    also = f", {column.mac.column} = :mac" if column.mac else ""
    values = {"mac": mac} if column.mac else {}
    return (
        tx.run(
            f"UPDATE {column.table} SET {column.column} = :new{also}"
            f" WHERE {column.id_column} = :id AND {column.column} = :old",
            id=old.row_id,
            old=old.blob,
            new=blob,
            **values,
        )
        == 1
    )


def _has_other(tx: Tx, column: SealedColumn, cell: SealedCell, mac: bytes | None) -> bool:
    """Whether the same clear text stands in another row already, under the new key."""
    name = column.mac.column if column.mac else ""
    return bool(
        tx.first(
            f"SELECT 1 FROM {column.table} WHERE {name} = :mac AND {column.id_column} <> :id",
            mac=mac,
            id=cell.row_id,
        )
    )


def count_under(tx: Tx, column: SealedColumn, headers: Sequence[bytes]) -> list[int]:
    """How many cells each key's header stands in front of, the digests beside them too."""
    counts = []
    for header in headers:
        made = f"substr({column.column}, 1, :size) = :header"
        if column.mac is not None:
            made = f"({made} OR substr({column.mac.column}, 1, :size) = :header)"
        row = tx.first(
            f"SELECT count(*) FROM {column.table} WHERE {column.column} IS NOT NULL AND {made}",
            header=header,
            size=len(header),
        )
        counts.append(int(row[0]) if row else 0)
    return counts


def count_not_under(tx: Tx, column: SealedColumn, header: bytes) -> int:
    """How many cells were not made with the key of this header."""
    row = tx.first(
        f"SELECT count(*) FROM {column.table}"
        f" WHERE {column.column} IS NOT NULL AND {_stale_of(column)}",
        header=header,
        size=len(header),
    )
    return int(row[0]) if row else 0


def _stale_of(column: SealedColumn) -> str:
    stale = _stale(column.column)
    return f"({stale} OR {_stale(column.mac.column)})" if column.mac else stale


def _stale(column: str) -> str:
    return f"substr({column}, 1, :size) <> :header"
