"""Backup phones, unconfirmed ones too. Numbers are sealed; limits go by a keyed fingerprint."""

from __future__ import annotations

from collections.abc import Sequence

from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import Phone
from twostep.store import tables
from twostep.store.tx import Tx


_COLUMNS = tables.columns(Phone)
_phone = tables.reader(Phone)


def list_confirmed(tx: Tx, account_id: str) -> tuple[Phone, ...]:
    """The account's backup phones, oldest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM phones WHERE account_id = :id AND confirmed_at IS NOT NULL"
        " ORDER BY confirmed_at, id",
        id=account_id,
    )
    return tuple(_phone(row) for row in rows)


def load(tx: Tx, phone_id: str, *, account_id: str) -> Phone | None:
    """One phone of the account, confirmed or not."""
    row = tx.first(
        f"SELECT {_COLUMNS} FROM phones WHERE id = :id AND account_id = :account",
        id=phone_id,
        account=account_id,
    )
    return None if row is None else _phone(row)


def load_unconfirmed(tx: Tx, session_id: str) -> Phone | None:
    """The newest phone that this session has typed and not confirmed."""
    row = tx.first(
        f"SELECT {_COLUMNS} FROM phones WHERE session_id = :id AND confirmed_at IS NULL"
        " ORDER BY created_at DESC, id DESC LIMIT 1",
        id=session_id,
    )
    return None if row is None else _phone(row)


def insert(tx: Tx, phone: Phone, *, fingerprint: bytes) -> None:
    """Add a phone."""
    tables.insert(tx, "phones", phone, fingerprint=fingerprint)


def has_number(tx: Tx, account_id: str, fingerprints: Sequence[bytes]) -> bool:
    """Whether a confirmed phone of the account has this number (under any key)."""
    return any(
        tx.first(
            "SELECT 1 FROM phones WHERE account_id = :id AND fingerprint = :print"
            " AND confirmed_at IS NOT NULL",
            id=account_id,
            print=fingerprint,
        )
        for fingerprint in fingerprints
    )


def count_accounts_with(tx: Tx, fingerprints: Sequence[bytes], *, other_than: str) -> int:
    """How many other accounts have confirmed this number."""
    account_ids: set[str] = set()
    for fingerprint in fingerprints:
        rows = tx.all(
            "SELECT DISTINCT account_id FROM phones WHERE fingerprint = :print"
            " AND confirmed_at IS NOT NULL AND account_id <> :id LIMIT 10",
            print=fingerprint,
            id=other_than,
        )
        account_ids.update(row[0] for row in rows)
    return len(account_ids)


def learn_landline(tx: Tx, phone_id: str) -> None:
    """A text could not go there: where the numbering plan leaves it open, it is a landline."""
    tx.do("UPDATE phones SET line = 'fixed' WHERE id = :id AND line = 'either'", id=phone_id)


def confirm(tx: Tx, phone_id: str, *, now: int) -> bool:
    """The owner has read a code from it. False: it was confirmed already."""
    return (
        tx.run(
            "UPDATE phones SET confirmed_at = :now, last_used_at = :now, session_id = NULL"
            " WHERE id = :id AND confirmed_at IS NULL",
            id=phone_id,
            now=now,
        )
        == 1
    )


def save_used(tx: Tx, phone_id: str, *, now: int) -> None:
    """A code that went to this phone was accepted."""
    tx.do("UPDATE phones SET last_used_at = :now WHERE id = :id", id=phone_id, now=now)


def save_channel(tx: Tx, phone_id: str, *, channel: Channel) -> None:
    """The owner now asks for codes by the other channel."""
    tx.do("UPDATE phones SET channel = :channel WHERE id = :id", id=phone_id, channel=str(channel))


def remove(tx: Tx, phone_id: str, *, account_id: str) -> bool:
    """Delete a phone of the account, number and all."""
    return (
        tx.run(
            "DELETE FROM phones WHERE id = :id AND account_id = :account",
            id=phone_id,
            account=account_id,
        )
        == 1
    )


def remove_unconfirmed(tx: Tx, session_id: str, *, keep: str) -> int:
    """Drop what this session typed before `keep`."""
    return tx.run(
        "DELETE FROM phones WHERE session_id = :id AND confirmed_at IS NULL AND id <> :keep",
        id=session_id,
        keep=keep,
    )


def remove_all(tx: Tx, account_id: str) -> int:
    """Delete every phone of the account; the number of confirmed ones."""
    confirmed = len(list_confirmed(tx, account_id))
    tx.do("DELETE FROM phones WHERE account_id = :id", id=account_id)
    return confirmed
