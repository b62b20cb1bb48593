"""The domain that each passkey is bound to."""

from __future__ import annotations

from alembic import op


revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
compatible_from = "0007"


def upgrade() -> None:
    """Add the column. Of passkeys that are there it stays empty until they are used: only then is it
    certain, because the settings may have changed."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    text = "TEXT" if sqlite else 'TEXT COLLATE "C"'  # as in the first
    op.execute(f"ALTER TABLE passkeys ADD COLUMN rp_id {text} NOT NULL DEFAULT ''")
