"""Passkeys that a password manager has changed, so that they are refused."""

from __future__ import annotations

from alembic import op


revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
compatible_from = "0009"


def upgrade() -> None:
    """Add the column: when it was noticed, in Unix seconds."""
    big = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(f"ALTER TABLE passkeys ADD COLUMN changed_at {big}")
