"""The part of the first schema that is about passkeys and remembered browsers."""

from __future__ import annotations


PASSKEY_TABLES = (
    """
    CREATE TABLE passkeys (
      id {text} PRIMARY KEY,
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      name {text} NOT NULL,
      credential_id {blob} NOT NULL UNIQUE,
      public_key {blob} NOT NULL,
      sign_count {big} NOT NULL,
      model {text} NOT NULL,
      transports {text} NOT NULL,
      synced {big} NOT NULL,
      backed_up {big} NOT NULL,
      created_at {big} NOT NULL,
      last_used_at {big},
      last_used_browser {text} NOT NULL DEFAULT ''
    ){strict}
    """,
    "CREATE INDEX passkeys_account ON passkeys (account_id)",
    """
    CREATE TABLE passkey_handles (
      account_id {text} PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
      handle {blob} NOT NULL UNIQUE
    ){strict}
    """,
    """
    CREATE TABLE used_challenges (
      digest {blob} PRIMARY KEY,
      expires_at {big} NOT NULL
    ){strict}
    """,
    "CREATE INDEX used_challenges_end ON used_challenges (expires_at)",
    """
    CREATE TABLE remembered_browsers (
      id {text} PRIMARY KEY,
      account_id {text} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      series {blob} NOT NULL UNIQUE,
      digest {blob} NOT NULL,
      previous_digest {blob},
      rotated_at {big} NOT NULL,
      browser {text} NOT NULL,
      network {text} NOT NULL,
      created_at {big} NOT NULL,
      last_used_at {big} NOT NULL,
      expires_at {big} NOT NULL
    ){strict}
    """,
    "CREATE INDEX remembered_browsers_account ON remembered_browsers (account_id)",
    "CREATE INDEX remembered_browsers_end ON remembered_browsers (expires_at)",
)
