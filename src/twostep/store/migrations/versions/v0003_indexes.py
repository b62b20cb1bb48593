"""Indexes for what was found by reading a whole table."""

from __future__ import annotations

from alembic import op


revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
compatible_from = "0002"

STATEMENTS = (
    # Asked at every second step whose browser brings a cookie.
    "CREATE INDEX IF NOT EXISTS known_browsers_digest ON known_browsers (digest)",
    # A number that is being added, by its session, and those that nobody confirmed.
    "CREATE INDEX IF NOT EXISTS phones_session ON phones (session_id) WHERE confirmed_at IS NULL",
    "CREATE INDEX IF NOT EXISTS phones_unconfirmed ON phones (created_at) WHERE confirmed_at IS NULL",
    # What is tidied up once a minute.
    "CREATE INDEX IF NOT EXISTS recovery_sets_shown ON recovery_sets (shown_until) WHERE shown IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS pending_apps_end ON pending_apps (expires_at)",
    "CREATE INDEX IF NOT EXISTS kept_posts_end ON kept_posts (expires_at)",
    "CREATE INDEX IF NOT EXISTS support_references_end ON support_references (expires_at)",
    "CREATE INDEX IF NOT EXISTS temporary_codes_end ON temporary_codes (expires_at)",
)


def upgrade() -> None:
    """Add them; no table changes."""
    for statement in STATEMENTS:
        op.execute(statement)
