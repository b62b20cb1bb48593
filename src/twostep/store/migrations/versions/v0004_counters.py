"""Indexes for the counters that are tidied up."""

from __future__ import annotations

from alembic import op

from twostep.store.migrations import schema_0004


revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
compatible_from = "0003"


def upgrade() -> None:
    """Add them, and drop the one they replace; no table changes."""
    for statement in schema_0004.STATEMENTS:
        op.execute(statement)
