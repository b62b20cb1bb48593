"""Fourth schema: indexes for the two kinds of counters that time or a lid ends."""

from __future__ import annotations


STATEMENTS = (
    # Strangers' counters, those that say least first: counted and dropped without the others.
    """
    CREATE INDEX IF NOT EXISTS throttles_strangers ON throttles (count, updated_at, key)
      WHERE (key >= 'password.' AND key < 'password/' OR key >= 'reset_mail.' AND key < 'reset_mail/'
        OR key >= 'code.network:' AND key < 'code.network;'
        OR key >= 'passkey.network:' AND key < 'passkey.network;')
    """,
    # All that time ends: without those of tries in a row, of which any number may be old.
    """
    CREATE INDEX IF NOT EXISTS throttles_passing ON throttles (updated_at)
      WHERE (key < 'code:' OR key >= 'code;') AND (key < 'recovery_code:' OR key >= 'recovery_code;')
    """,
    "DROP INDEX throttles_updated",
)
