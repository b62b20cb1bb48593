"""What each provider did with what it was given, mail that came back, and the numbers of entries in
authenticator apps.

`provider_tries` is one row a day (days since 1970) and provider. `entry`: see `App`.
"""

from __future__ import annotations

from alembic import op


revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
compatible_from = "0004"

STATEMENTS = (
    """
    CREATE TABLE provider_tries (
      provider {text} NOT NULL,
      day {big} NOT NULL,
      accepted {big} NOT NULL,
      refused {big} NOT NULL,
      failed {big} NOT NULL,
      reason {text} NOT NULL,
      PRIMARY KEY (day, provider)
    ){strict}
    """,
    "ALTER TABLE email_addresses ADD COLUMN bounced_at {big}",
    """
    CREATE INDEX email_addresses_bounced ON email_addresses (bounced_at)
      WHERE bounced_at IS NOT NULL
    """,
    "ALTER TABLE apps ADD COLUMN entry {big} NOT NULL DEFAULT 1",
)


def upgrade() -> None:
    """Add the table and the columns."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    big, strict = ("INTEGER", " STRICT") if sqlite else ("BIGINT", "")
    text = "TEXT" if sqlite else 'TEXT COLLATE "C"'  # as in the first
    for statement in STATEMENTS:
        op.execute(statement.format(big=big, strict=strict, text=text))
