"""Indexes for what was found by reading a whole table."""

from __future__ import annotations

from alembic import op

from twostep.store.migrations import schema_0003


revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
compatible_from = "0002"


def upgrade() -> None:
    """Add them; no table changes."""
    for statement in schema_0003.STATEMENTS:
        op.execute(statement)
