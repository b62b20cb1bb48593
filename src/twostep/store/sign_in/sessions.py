"""Sessions and known browsers. The database holds only digests of what the cookies carry."""

from __future__ import annotations

from dataclasses import fields

from twostep.core.account import Account
from twostep.core.sign_in.session import Session
from twostep.store import tables
from twostep.store.account import accounts
from twostep.store.tx import Tx


_COLUMNS = tables.columns(Session)
_LOAD_SQL = (
    f"SELECT {tables.columns(Session, of='s')}, {tables.columns(Account, of='a')}"
    " FROM sessions s JOIN accounts a ON a.id = s.account_id WHERE s.digest = :digest"
)
_WIDTH = len(fields(Session))
_session = tables.reader(Session)


def load(tx: Tx, digest: bytes) -> tuple[Session, Account] | None:
    """The session of a cookie and its account: one read, at every request."""
    row = tx.first(_LOAD_SQL, digest=digest)
    return None if row is None else (_session(row[:_WIDTH]), accounts.account_of(row[_WIDTH:]))


def load_current(tx: Tx, session_id: str, *, digest: bytes) -> Session | None:
    """A session by its row's id, if `digest` is still its cookie's.

    Flows read it again after they have locked the account: another request may have ended it, or
    given it a new cookie value.
    """
    row = tx.first(
        f"SELECT {_COLUMNS} FROM sessions WHERE id = :id AND digest = :digest",
        id=session_id,
        digest=digest,
    )
    return None if row is None else _session(row)


def load_by_id(tx: Tx, session_id: str, *, account_id: str) -> Session | None:
    """A session of the account by its row's id."""
    row = tx.first(
        f"SELECT {_COLUMNS} FROM sessions WHERE id = :id AND account_id = :account",
        id=session_id,
        account=account_id,
    )
    return None if row is None else _session(row)


def exists(tx: Tx, session_id: str) -> bool:
    """Whether the session has not been ended."""
    return tx.first("SELECT 1 FROM sessions WHERE id = :id", id=session_id) is not None


def insert(tx: Tx, session: Session, *, digest: bytes) -> None:
    """Open a session."""
    tables.insert(tx, "sessions", session, digest=digest)


def raise_session(tx: Tx, session: Session, *, old_digest: bytes, new_digest: bytes) -> None:
    """Give the row its new assurance and cookie value, in one statement.

    The flow has read the session with `load_current` under the account's lock, so a row that is not
    there any more is a bug.
    """
    changed = tx.run(
        "UPDATE sessions SET digest = :new, level = :level, aal = :aal, amr = :amr, next_path ="
        " :next_path, network = :network, browser = :browser, browser_id = :browser_id,"
        " password_version = :password_version, password_at = :password_at, second_factor_at ="
        " :second_factor_at, created_at = :created_at, seen_at = :seen_at, expires_at ="
        " :expires_at WHERE id = :id AND account_id = :account_id AND digest = :old",
        **tables.values_of(session),
        new=new_digest,
        old=old_digest,
    )
    if changed != 1:
        raise LookupError("the session changed under the account's lock")


def save_flash(tx: Tx, session_id: str, *, flash: str) -> None:
    """Keep what the next page says once; empty: it was said."""
    tx.do("UPDATE sessions SET flash = :flash WHERE id = :id", id=session_id, flash=flash)


def save_flash_of_others(tx: Tx, account_id: str, *, keep: str, flash: str) -> None:
    """The next page of every other full session of the account says this once."""
    tx.do(
        "UPDATE sessions SET flash = :flash WHERE account_id = :id AND level = 'full' AND id <> :keep",
        id=account_id,
        keep=keep,
        flash=flash,
    )


def save_language(tx: Tx, session_id: str, *, language: str) -> None:
    """Keep the language chosen during a sign-in."""
    tx.do(
        "UPDATE sessions SET language = :language WHERE id = :id", id=session_id, language=language
    )


def save_seen(tx: Tx, session_id: str, *, now: int) -> None:
    """Write down that a request was seen."""
    tx.do("UPDATE sessions SET seen_at = :now WHERE id = :id", id=session_id, now=now)


def list_live(tx: Tx, account_id: str, *, now: int, seen_after: int) -> list[Session]:
    """Full and enrolment sessions that still count, the newest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM sessions WHERE account_id = :id AND level <> 'half'"
        " AND expires_at > :now AND seen_at > :seen ORDER BY seen_at DESC, id DESC",
        id=account_id,
        now=now,
        seen=seen_after,
    )
    return [_session(row) for row in rows]


def remove(tx: Tx, session_id: str, *, account_id: str) -> bool:
    """End one session of the account, with what hangs on it."""
    return (
        tx.run(
            "DELETE FROM sessions WHERE id = :id AND account_id = :account",
            id=session_id,
            account=account_id,
        )
        == 1
    )


def remove_others(tx: Tx, account_id: str, *, keep: str) -> int:
    """End every other session of the account, half sessions too; the number ended."""
    return tx.run(
        "DELETE FROM sessions WHERE account_id = :account AND id <> :keep",
        account=account_id,
        keep=keep,
    )


def remove_half(tx: Tx, account_id: str) -> int:
    """End the account's half sessions."""
    return tx.run(
        "DELETE FROM sessions WHERE account_id = :account AND level = 'half'", account=account_id
    )


def remove_enrolling(tx: Tx, account_id: str, *, keep: str) -> int:
    """End the account's other enrolment sessions."""
    return tx.run(
        "DELETE FROM sessions WHERE account_id = :account AND level = 'enrol' AND id <> :keep",
        account=account_id,
        keep=keep,
    )
