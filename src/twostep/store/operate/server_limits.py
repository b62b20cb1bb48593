"""What the server of the database allows, as far as that can be too little for us."""

from __future__ import annotations

from twostep.store.tx import Tx


def load_short_connections(tx: Tx, *, wanted: int) -> int | None:
    """How many connections the server allows us, where those are fewer than `wanted`; None where
    they are enough, and on SQLite, which has no server.

    The least of what the server, the database and the user may have, without what the server keeps
    back for superusers (and, from PostgreSQL 16 on, for others). Other programs' share is not
    counted.
    """
    if tx.engine == "sqlite":
        return None
    row = tx.first(
        "SELECT min(most) FROM (SELECT CAST(current_setting('max_connections') AS integer)"
        " - CAST(current_setting('superuser_reserved_connections') AS integer)"
        " - CAST(COALESCE(current_setting('reserved_connections', true), '0') AS integer)"
        " UNION ALL SELECT datconnlimit FROM pg_database"
        " WHERE datname = current_database() AND datconnlimit >= 0"
        " UNION ALL SELECT rolconnlimit FROM pg_roles"
        " WHERE rolname = session_user AND rolconnlimit >= 0) AS limits (most)"
    )
    return int(row[0]) if row and row[0] < wanted else None
