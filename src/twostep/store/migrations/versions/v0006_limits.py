"""Refusals that wait for the event that counts them, and indexes: an account's history by kind of
event, browsers that are known no longer."""

from __future__ import annotations

from alembic import op


revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
compatible_from = "0005"

STATEMENTS = (
    """
    CREATE TABLE refusals (
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      event {text} NOT NULL,
      reason {text} NOT NULL,
      network {text} NOT NULL,
      outcome {text} NOT NULL,
      data {text} NOT NULL,
      actor {text} NOT NULL,
      browser {text} NOT NULL,
      since_at {big} NOT NULL,
      waiting {big} NOT NULL,
      PRIMARY KEY (account_id, event, reason, network)
    ){strict}
    """,
    "CREATE INDEX refusals_since ON refusals (since_at)",
    "CREATE INDEX IF NOT EXISTS known_browsers_seen ON known_browsers (seen_at)",
    "CREATE INDEX IF NOT EXISTS audit_records_event ON audit_records (chain, event, seq)",
)


def upgrade() -> None:
    """Add them; no table changes."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    big, strict = ("INTEGER", " STRICT") if sqlite else ("BIGINT", "")
    text = "TEXT" if sqlite else 'TEXT COLLATE "C"'  # as in the first
    for statement in STATEMENTS:
        op.execute(statement.format(big=big, strict=strict, text=text))
