"""The first schema: the SQL file beside this one, too long for a module.

Instants are whole Unix seconds. `{big}` holds them, `{blob}` holds sealed values and digests, `{text}`
is ordered by its bytes, and `{strict}` makes SQLite keep to the declared types. `audit_changed` holds
the heads that moved since the last checkpoint, so that a checkpoint reads only those.
SQLite keeps each statement as it was written, so not even a blank may change.
"""

from __future__ import annotations

from pathlib import Path

from alembic import op


revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
compatible_from = "0001"

SQL = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    """Make every table and index."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    big, blob, strict = ("INTEGER", "BLOB", " STRICT") if sqlite else ("BIGINT", "BYTEA", "")
    # Text is ordered and compared by its bytes on both engines, whatever the server's language.
    text = "TEXT" if sqlite else 'TEXT COLLATE "C"'
    sql = SQL.read_text(encoding="utf-8").format(big=big, blob=blob, strict=strict, text=text)
    for statement in sql.rstrip().removesuffix(";").split(";"):
        op.execute(statement)
