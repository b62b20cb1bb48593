"""What delivery counts and remembers."""

from __future__ import annotations

from alembic import op

from twostep.store.migrations import schema_0002


revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
compatible_from = "0001"


def upgrade() -> None:
    """Add its tables and the outbox's count of copies."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    big, blob, strict = ("INTEGER", "BLOB", " STRICT") if sqlite else ("BIGINT", "BYTEA", "")
    text = "TEXT" if sqlite else 'TEXT COLLATE "C"'  # as in the first
    for statement in schema_0002.STATEMENTS:
        op.execute(statement.format(big=big, blob=blob, strict=strict, text=text))
