"""Accounts and their e-mail addresses.

`lock` comes first in every flow that writes for an account: it takes the row on both engines, so
that two flows of one account never run beside each other. What it returns is the proof of it, and
what writes an account, or to its audit chain, asks for that.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Account, Preferences
from twostep.core.audit.audit_chain import START, Head
from twostep.core.methods.reminder import REMIND_SECONDS
from twostep.store import tables
from twostep.store.tx import Tx


COLUMNS = tables.columns(Account)

account_of = tables.reader(Account)


@dataclass(frozen=True, slots=True)
class Held(Account):
    """An account whose row this transaction holds until its end. Made by `lock` and `insert` alone."""


_held = tables.reader(Held)


def lock(tx: Tx, account_id: str) -> Held | None:
    """Take the account's row for the rest of the transaction; None when it does not exist.

    Taken twice, its head of the audit chain is what this transaction has made of it.
    """
    row = tx.first(
        "UPDATE accounts SET version = version + 1 WHERE id = :id"
        f" RETURNING {COLUMNS}, audit_seq, audit_hash, audit_tag",
        id=account_id,
    )
    if row is None:
        return None
    *columns, seq, digest, tag = row
    tx.heads.setdefault(account_id, Head(seq, bytes(digest), bytes(tag)))
    return _held(columns)


def load(tx: Tx, account_id: str) -> Account | None:
    """Read an account without locking it."""
    row = tx.first(f"SELECT {COLUMNS} FROM accounts WHERE id = :id", id=account_id)
    return None if row is None else account_of(row)


def load_by_name(tx: Tx, name_key: str) -> Account | None:
    """Read an account by its user name's key."""
    row = tx.first(f"SELECT {COLUMNS} FROM accounts WHERE name_key = :key", key=name_key)
    return None if row is None else account_of(row)


def load_by_address(tx: Tx, address_key: str) -> Account | None:
    """Read the account that has verified this address."""
    row = tx.first(
        f"SELECT {COLUMNS} FROM accounts WHERE id = (SELECT account_id FROM email_addresses"
        " WHERE address_key = :key AND verified_at IS NOT NULL)",
        key=address_key,
    )
    return None if row is None else account_of(row)


def list_all(tx: Tx, *, after: str, limit: int) -> list[Account]:
    """A page of accounts by name key."""
    rows = tx.all(
        f"SELECT {COLUMNS} FROM accounts WHERE name_key > :after ORDER BY name_key LIMIT :limit",
        after=after,
        limit=limit,
    )
    return [account_of(row) for row in rows]


def has_operator(tx: Tx) -> bool:
    """Whether any operator exists."""
    return tx.first("SELECT 1 FROM accounts WHERE role = 'operator' LIMIT 1") is not None


def count(tx: Tx) -> int:
    """How many accounts there are."""
    row = tx.first("SELECT count(*) FROM accounts")
    return int(row[0]) if row else 0


def insert(tx: Tx, account: Account, *, name_key: str) -> Held | None:
    """Add an account and take its row; None when the name is taken."""
    if not tables.insert_new(
        tx, "accounts", account, on="name_key", name_key=name_key, audit_hash=START
    ):
        return None
    tx.heads[account.id] = Head()
    return Held(**tables.values_of(account))


def save_two_step(tx: Tx, account: Held, *, on: bool, now: int) -> None:
    """Turn the second step on or off."""
    tx.do(
        "UPDATE accounts SET two_step = :on, two_step_at = :at, default_method = NULL,"
        " must_enroll = 0,"
        " wrong_in_a_row = 0, spare_reminder_at = :remind WHERE id = :id",
        id=account.id,
        on=int(on),
        at=now if on else None,
        remind=now + REMIND_SECONDS if on else None,
    )


def save_password(tx: Tx, account: Held, *, password_hash: str, short: bool, now: int) -> None:
    """Set a new password: its version rises, retirement and all guessing counts end."""
    tx.do(
        "UPDATE accounts SET password_hash = :hash, password_version = password_version + 1,"
        " password_short = :short, password_set_at = :now, password_retired_at = NULL,"
        " wrong_in_a_row = 0, guess_millionths = 0 WHERE id = :id",
        id=account.id,
        hash=password_hash,
        short=int(short),
        now=now,
    )


def save_password_hash(tx: Tx, account: Held, *, password_hash: str, version: int) -> None:
    """Keep the same password under a stronger hash (the profile rose)."""
    tx.do(
        "UPDATE accounts SET password_hash = :hash WHERE id = :id AND password_version = :version",
        id=account.id,
        hash=password_hash,
        version=version,
    )


def retire_password(tx: Tx, account: Held, *, now: int) -> None:
    """The password no longer signs in; nothing else changes."""
    tx.do(
        "UPDATE accounts SET password_retired_at = COALESCE(password_retired_at, :now)"
        " WHERE id = :id",
        id=account.id,
        now=now,
    )


def save_guesses(tx: Tx, account: Held, *, in_a_row: int, millionths: int) -> None:
    """Keep the counts of wrong second-step tries."""
    tx.do(
        "UPDATE accounts SET wrong_in_a_row = :row, guess_millionths = :sum WHERE id = :id",
        id=account.id,
        row=in_a_row,
        sum=millionths,
    )


def save_profile(tx: Tx, account: Held, preferences: Preferences) -> None:
    """Language and time zone of pages, mails, texts and calls."""
    tx.do(
        "UPDATE accounts SET language = :language, language_chosen = :language_chosen,"
        " time_zone = :time_zone, time_zone_chosen = :time_zone_chosen WHERE id = :id",
        id=account.id,
        **tables.values_of(preferences),
    )


def save_disabled(tx: Tx, account: Held, *, disabled_at: int | None) -> None:
    """Disable an account, or enable it again (None)."""
    tx.do("UPDATE accounts SET disabled_at = :at WHERE id = :id", id=account.id, at=disabled_at)


def save_must_enroll(tx: Tx, account: Held, *, must: bool) -> None:
    """Until an app or passkey is there, sessions of this account open enrolment only."""
    tx.do("UPDATE accounts SET must_enroll = :must WHERE id = :id", id=account.id, must=int(must))


def save_default_method(tx: Tx, account: Held, *, method: str | None) -> None:
    """Which way to sign in comes first, as `kind:id`; None: the app."""
    tx.do(
        "UPDATE accounts SET default_method = :method WHERE id = :id",
        id=account.id,
        method=method,
    )


def save_spare_reminder(tx: Tx, account: Held, *, at: int | None) -> None:
    """When to look again whether there is something to remind of."""
    tx.do("UPDATE accounts SET spare_reminder_at = :at WHERE id = :id", id=account.id, at=at)
