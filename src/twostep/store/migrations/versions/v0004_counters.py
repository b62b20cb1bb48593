"""Indexes for the counters that are tidied up."""

from __future__ import annotations

from alembic import op


revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
compatible_from = "0003"

STATEMENTS = (
    # Strangers' counters, those that say least first: counted and dropped without the others.
    """
    CREATE INDEX IF NOT EXISTS throttles_strangers ON throttles (count, updated_at, key)
      WHERE (key >= 'password.' AND key < 'password/' OR key >= 'reset_mail.' AND key < 'reset_mail/'
        OR key >= 'code.network:' AND key < 'code.network;'
        OR key >= 'passkey.network:' AND key < 'passkey.network;')
    """,
    # All that time ends: without those of tries in a row, of which any number may be old.
    """
    CREATE INDEX IF NOT EXISTS throttles_passing ON throttles (updated_at)
      WHERE (key < 'code:' OR key >= 'code;') AND (key < 'recovery_code:' OR key >= 'recovery_code;')
    """,
    "DROP INDEX throttles_updated",
)


def upgrade() -> None:
    """Add them, and drop the one they replace; no table changes."""
    for statement in STATEMENTS:
        op.execute(statement)
