"""The first schema's tables of the audit trail; see `schema_0001`.

`audit_changed` holds the heads that moved since the last checkpoint, so that a checkpoint reads only
those.
"""

from __future__ import annotations


AUDIT_TABLES = (
    """
    CREATE TABLE audit_records (
      chain {text} NOT NULL,
      seq {big} NOT NULL,
      at {big} NOT NULL,
      event {text} NOT NULL,
      body {text} NOT NULL,
      prev_hash {blob} NOT NULL,
      hash {blob} NOT NULL,
      PRIMARY KEY (chain, seq)
    ){strict}
    """,
    "CREATE INDEX audit_records_at ON audit_records (at)",
    """
    CREATE TABLE audit_changed (
      chain {text} PRIMARY KEY,
      seq {big} NOT NULL,
      hash {blob} NOT NULL
    ){strict}
    """,
    """
    CREATE TABLE audit_starts (
      chain {text} PRIMARY KEY,
      key_id {text} NOT NULL,
      body {text} NOT NULL,
      signature {blob} NOT NULL
    ){strict}
    """,
    """
    CREATE TABLE system_chains (
      chain {text} PRIMARY KEY,
      audit_seq {big} NOT NULL,
      audit_hash {blob} NOT NULL
    ){strict}
    """,
    """
    CREATE TABLE audit_checkpoints (
      seq {big} PRIMARY KEY,
      at {big} NOT NULL,
      body {text} NOT NULL,
      signature {blob} NOT NULL
    ){strict}
    """,
)
