"""Tags of the audit chains' ends: what the program itself wrote."""

from __future__ import annotations

from alembic import op


revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
# A program that knows no tags would leave ends without one, which no checkpoint signs.
compatible_from = "0009"

STATEMENTS = (
    "ALTER TABLE accounts ADD COLUMN audit_tag {blob}",
    "ALTER TABLE system_chains ADD COLUMN audit_tag {blob}",
    "ALTER TABLE audit_changed ADD COLUMN tag {blob}",
    # The next program that opens the database tags the ends that a checkpoint vouches for.
    """
    INSERT INTO installation (name, value) SELECT 'audit_untagged', '1'
      WHERE EXISTS (SELECT 1 FROM audit_records)
    """,
)


def upgrade() -> None:
    """Add the columns, empty."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    blob = "BLOB NOT NULL DEFAULT x''" if sqlite else "BYTEA NOT NULL DEFAULT ''"
    for statement in STATEMENTS:
        op.execute(statement.format(blob=blob))
