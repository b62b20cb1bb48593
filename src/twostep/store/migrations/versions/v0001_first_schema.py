"""The first schema."""

from __future__ import annotations

from alembic import op

from twostep.store.migrations import schema_0001


revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
compatible_from = "0001"


def upgrade() -> None:
    """Make every table and index."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    big, blob, strict = ("INTEGER", "BLOB", " STRICT") if sqlite else ("BIGINT", "BYTEA", "")
    # Text is ordered and compared by its bytes on both engines, whatever the server's language.
    text = "TEXT" if sqlite else 'TEXT COLLATE "C"'
    for statement in schema_0001.TABLES:
        op.execute(statement.format(big=big, blob=blob, strict=strict, text=text))
