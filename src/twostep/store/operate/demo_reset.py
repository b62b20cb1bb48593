"""What the demo alone asks of the database: putting everything back to the start, and the newest QR code.

Audit records stay, whatever goes. A chain whose account is removed keeps its head beside those of the
system chains, so that it can be verified to its end for ever.
"""

from __future__ import annotations

from twostep.core.methods.authenticator import PendingApp
from twostep.store import tables
from twostep.store.account.accounts import Held
from twostep.store.tx import Tx


# Children first; what hangs on them goes by itself.
_WIPED = (
    "sends",
    "opt_outs",
    "provider_states",
    "provider_tries",
    "alarms",
    "outbox",
    "challenges",
    "kept_posts",
    "pending_apps",
    "mail_links",
    "temporary_codes",
    "support_references",
    "recoveries",
    "throttles",
    "refusals",
    "sessions",
    "known_browsers",
    "remembered_browsers",
    "used_challenges",
    "passkeys",
    "passkey_handles",
    "apps",
    "phones",
    "recovery_sets",
    "email_addresses",
)


def wipe(tx: Tx) -> None:
    """Delete everything but accounts, audit trail and installation."""
    for table in _WIPED:
        tx.do(f"DELETE FROM {table}")


def remove_account(tx: Tx, account: Held) -> None:
    """Delete an account; the head of its chain moves, its records stay."""
    head = tx.heads[account.id]
    tx.do(
        "INSERT INTO system_chains (chain, audit_seq, audit_hash, audit_tag)"
        " VALUES (:id, :seq, :hash, :tag)",
        id=account.id,
        seq=head.seq,
        hash=head.hash,
        tag=head.tag,
    )
    tx.do("DELETE FROM accounts WHERE id = :id", id=account.id)


def restore_account(
    tx: Tx, account: Held, *, password_hash: str, language: str, time_zone: str, now: int
) -> None:
    """Put an account back to how the demo made it; its password's version rises.

    It is as new as on its first day, newer than every event of its trail: earlier sign-ins stay there,
    but do not count, whatever the demo's clock was then.
    """
    row = tx.first("SELECT max(at) FROM audit_records WHERE chain = :id", id=account.id)
    newest = row[0] if row and row[0] is not None else now
    tx.do(
        "UPDATE accounts SET language = :language, time_zone = :zone,"
        " language_chosen = 0, time_zone_chosen = 0, two_step = 0,"
        " two_step_at = NULL, password_hash = :hash, password_version = password_version + 1,"
        " password_short = 0, password_set_at = :now, password_retired_at = NULL,"
        " disabled_at = NULL, must_enroll = 0, default_method = NULL, wrong_in_a_row = 0,"
        " guess_millionths = 0, spare_reminder_at = NULL, created_at = :created WHERE id = :id",
        id=account.id,
        language=language,
        zone=time_zone,
        hash=password_hash,
        now=now,
        created=max(now, newest) + 1,
    )


def load_newest_pending(tx: Tx, *, now: int) -> PendingApp | None:
    """The secret whose QR code was drawn last and can still be scanned."""
    row = tx.first(
        f"SELECT {tables.columns(PendingApp)} FROM pending_apps"
        " WHERE expires_at > :now ORDER BY expires_at DESC, id DESC LIMIT 1",
        now=now,
    )
    return None if row is None else PendingApp(*row)
