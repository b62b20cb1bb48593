"""Indexes for the history of one account by kind of event, and for browsers known no longer."""

from __future__ import annotations

from alembic import op


revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
compatible_from = "0004"

STATEMENTS = (
    "CREATE INDEX IF NOT EXISTS known_browsers_seen ON known_browsers (seen_at)",
    "CREATE INDEX IF NOT EXISTS audit_records_event ON audit_records (chain, event, seq)",
)


def upgrade() -> None:
    """Add them; no table changes."""
    for statement in STATEMENTS:
        op.execute(statement)
