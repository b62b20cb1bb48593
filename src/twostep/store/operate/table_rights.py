"""What the user of `database_url` may do with our tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twostep.store import installation
from twostep.store.move.copy_tables import COPIED_TABLES
from twostep.store.tx import Tx


RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_TRIAL = "write_trial"  # a fact that is never committed


@dataclass(frozen=True, slots=True)
class Missing:
    """`user`, `schema`: quoted for a statement. `tables`: each table where rights are missing, and
    which."""

    user: str
    schema: str
    tables: Mapping[str, tuple[str, ...]]


def load_missing(tx: Tx) -> Missing | None:
    """The rights that are missing; None where none is, and on SQLite, which knows no users."""
    if tx.engine == "sqlite":
        return None
    asked = ", ".join(f"has_table_privilege(oid, '{right}')" for right in RIGHTS)
    rows = tx.all(
        f"SELECT relname, quote_ident(current_user), quote_ident(current_schema()), {asked}"
        " FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace ="
        " (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) ORDER BY relname"
    )
    ours = {table.name for table in COPIED_TABLES}
    missing = {
        name: tuple(right for right, given in zip(RIGHTS, may, strict=True) if not given)
        for name, _, _, *may in rows
        if name in ours and not all(may)
    }
    return Missing(rows[0][1], rows[0][2], missing) if missing else None


def try_write(tx: Tx) -> None:
    """Write and delete a row, and wait for the answer. The caller rolls back."""
    installation.save(tx, _TRIAL, "")
    installation.remove(tx, _TRIAL)
    installation.load(tx, _TRIAL)
