"""What delivery counts and remembers.

`sends` is one row a text or call, by the outbox row's id: numbers only as keyed digests. `copies` is
how many of a message may have left already.
"""

from __future__ import annotations

from alembic import op


revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
compatible_from = "0001"

STATEMENTS = (
    "ALTER TABLE outbox ADD COLUMN copies {big} NOT NULL DEFAULT 0",
    """
    CREATE TABLE sends (
      id {text} PRIMARY KEY,
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      challenge_id {text},
      region {text} NOT NULL,
      channel {text} NOT NULL,
      confirmed {big} NOT NULL,
      fingerprint {blob} NOT NULL,
      prefix {blob} NOT NULL,
      sent_at {big} NOT NULL,
      verified_at {big}
    ){strict}
    """,
    "CREATE INDEX sends_account ON sends (account_id)",
    "CREATE INDEX sends_challenge ON sends (challenge_id)",
    "CREATE INDEX sends_prefix ON sends (prefix, sent_at)",
    "CREATE INDEX sends_region ON sends (region, sent_at) WHERE confirmed = 0",
    "CREATE INDEX sends_time ON sends (sent_at)",
    """
    CREATE TABLE opt_outs (
      fingerprint {blob} PRIMARY KEY,
      id {text} NOT NULL,
      number {blob} NOT NULL,
      provider {text} NOT NULL,
      since_at {big} NOT NULL
    ){strict}
    """,
    """
    CREATE TABLE provider_states (
      name {text} PRIMARY KEY,
      open_until {big} NOT NULL,
      reason {text} NOT NULL,
      changed_at {big} NOT NULL
    ){strict}
    """,
    """
    CREATE TABLE alarms (
      id {text} PRIMARY KEY,
      at {big} NOT NULL,
      event {text} NOT NULL,
      subject {text} NOT NULL,
      data {text} NOT NULL
    ){strict}
    """,
    "CREATE INDEX alarms_time ON alarms (at)",
)


def upgrade() -> None:
    """Add its tables and the outbox's count of copies."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    big, blob, strict = ("INTEGER", "BLOB", " STRICT") if sqlite else ("BIGINT", "BYTEA", "")
    text = "TEXT" if sqlite else 'TEXT COLLATE "C"'  # as in the first
    for statement in STATEMENTS:
        op.execute(statement.format(big=big, blob=blob, strict=strict, text=text))
