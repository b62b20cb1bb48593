"""Whether a language and time zone were chosen, and those of a sign-in in progress."""

from __future__ import annotations

from alembic import op


revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
compatible_from = "0006"

STATEMENTS = (
    "ALTER TABLE accounts ADD COLUMN language_chosen {big} NOT NULL DEFAULT 0",
    "ALTER TABLE accounts ADD COLUMN time_zone_chosen {big} NOT NULL DEFAULT 0",
    "ALTER TABLE sessions ADD COLUMN language {text} NOT NULL DEFAULT ''",
    "ALTER TABLE sessions ADD COLUMN time_zone {text} NOT NULL DEFAULT ''",
    "ALTER TABLE challenges ADD COLUMN language {text} NOT NULL DEFAULT ''",
    # Until now only the page that chooses both could change them.
    """
    UPDATE accounts SET language_chosen = 1, time_zone_chosen = 1
      WHERE id IN (SELECT chain FROM audit_records WHERE event = 'profile.changed')
    """,
)


def upgrade() -> None:
    """Add the columns; whoever saved a choice before has chosen."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    big = "INTEGER" if sqlite else "BIGINT"
    text = "TEXT" if sqlite else 'TEXT COLLATE "C"'  # as in the first
    for statement in STATEMENTS:
        op.execute(statement.format(big=big, text=text))
