"""Codes that were sent to phones."""

from __future__ import annotations

from twostep.core.messages.channel import Channel
from twostep.core.methods.challenge import Challenge
from twostep.core.methods.out_of_band import Purpose
from twostep.store import tables
from twostep.store.messages import sends
from twostep.store.tx import Tx


_COLUMNS = tables.columns(Challenge)
_challenge = tables.reader(Challenge)


def insert(tx: Tx, challenge: Challenge) -> None:
    """Keep a new challenge."""
    tables.insert(tx, "challenges", challenge)


def load(tx: Tx, challenge_id: str) -> Challenge | None:
    """One challenge."""
    row = tx.first(f"SELECT {_COLUMNS} FROM challenges WHERE id = :id", id=challenge_id)
    return None if row is None else _challenge(row)


def load_newest(tx: Tx, session_id: str, purpose: Purpose) -> Challenge | None:
    """The newest challenge of an attempt; only this one can be answered.

    One at most has not ended, and it is the newest whatever the clock said when another was made.
    """
    row = tx.first(
        f"SELECT {_COLUMNS} FROM challenges WHERE session_id = :session AND purpose = :purpose"
        " ORDER BY ended_at IS NULL DESC, created_at DESC, id DESC LIMIT 1",
        session=session_id,
        purpose=str(purpose),
    )
    return None if row is None else _challenge(row)


def consume(tx: Tx, challenge_id: str, *, now: int) -> bool:
    """Burn a challenge: it was answered. False: another request got there first."""
    burnt = tx.run(
        "UPDATE challenges SET ended_at = :now, code = NULL WHERE id = :id"
        " AND ended_at IS NULL AND tries_left > 0",
        id=challenge_id,
        now=now,
    )
    if burnt:
        sends.save_verified(tx, challenge_id, now=now)
    return burnt == 1


def save_channel(tx: Tx, challenge_id: str, *, channel: Channel, language: str) -> None:
    """The same code now goes out by another channel, or in another language."""
    tx.do(
        "UPDATE challenges SET channel = :channel, language = :language WHERE id = :id",
        id=challenge_id,
        channel=str(channel),
        language=language,
    )


def count_wrong(tx: Tx, challenge_id: str, *, now: int) -> int:
    """Take one of its tries; at none left it ends. The tries that remain."""
    row = tx.first(
        "UPDATE challenges SET tries_left = tries_left - 1 WHERE id = :id AND tries_left > 0"
        " RETURNING tries_left",
        id=challenge_id,
    )
    left = int(row[0]) if row else 0
    if left == 0:
        end(tx, challenge_id, now=now)
    return left


def end(tx: Tx, challenge_id: str, *, now: int) -> bool:
    """Replace, spend or report a challenge: its code is wiped."""
    return (
        tx.run(
            "UPDATE challenges SET ended_at = :now, code = NULL"
            " WHERE id = :id AND ended_at IS NULL",
            id=challenge_id,
            now=now,
        )
        == 1
    )


def end_all_of_phone(tx: Tx, phone_id: str, *, now: int) -> None:
    """The phone goes: codes that went to it are dead."""
    tx.do(
        "UPDATE challenges SET ended_at = :now, code = NULL"
        " WHERE phone_id = :phone AND ended_at IS NULL",
        phone=phone_id,
        now=now,
    )


def wipe_expired(tx: Tx, *, now: int) -> int:
    """Wipe the sealed codes of challenges whose time is over."""
    return tx.run(
        "UPDATE challenges SET ended_at = :now, code = NULL"
        " WHERE ended_at IS NULL AND expires_at <= :now",
        now=now,
    )


def purge(tx: Tx, *, before: int, limit: int) -> int:
    """Drop challenges whose time was over before then."""
    return tx.run(
        "DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE expires_at < :before"
        " LIMIT :limit)",
        before=before,
        limit=limit,
    )
