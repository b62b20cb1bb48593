"""Messages to be sent, written in the transaction of the act that causes them.

A row holds ids and sealed payloads only: the code stays in its challenge, the number with its phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twostep.core.messages.channel import Channel
from twostep.store import tables
from twostep.store.messages import sends
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One message; without more, one that is queued. `payload` is sealed and wiped in a final state.

    `state`: queued, sending, accepted, delivered, failed or expired. `kind`: `code`, or a notice's.
    `copies`: how many of it may have left already, without anybody knowing.
    """

    id: str
    account_id: str
    channel: Channel
    kind: str
    next_at: int
    not_after: int
    created_at: int
    session_id: str | None = None
    challenge_id: str | None = None
    phone_id: str | None = None
    payload: bytes | None = None
    state: str = "queued"
    reason: str = ""
    provider: str = ""
    provider_id: str = ""
    attempt: int = 0
    accepted_at: int | None = None
    copies: int = 0


@dataclass(frozen=True, slots=True)
class SendResult:
    """How far a message got. `provider_id`: empty where the provider said none, or said it before."""

    state: str
    reason: str
    provider: str
    provider_id: str = ""


_COLUMNS = tables.columns(OutboxRow)
_row = tables.reader(OutboxRow)


def insert(tx: Tx, row: OutboxRow) -> None:
    """Queue a message."""
    tables.insert(tx, "outbox", row)


def load(tx: Tx, row_id: str) -> OutboxRow | None:
    """One message."""
    row = tx.first(f"SELECT {_COLUMNS} FROM outbox WHERE id = :id", id=row_id)
    return None if row is None else _row(row)


def claim_due(
    tx: Tx, *, now: int, lease_seconds: int, limit: int, channel: Channel | None = None
) -> list[OutboxRow]:
    """Take messages that are due, for `lease_seconds`; a lapsed lease may be taken again.

    Whoever let a lease lapse may have sent the message before, so that counts as a copy. A lease that
    ends more than twice as late as ours was written by a clock that ran ahead; one that is only a
    little later is another process's, which looked at the clock after us.
    """
    # Other processes' workers pass over what one has just taken, instead of waiting for it.
    of_channel = "" if channel is None else " AND channel = :channel"
    skip = " FOR UPDATE SKIP LOCKED" if tx.engine == "postgresql" else ""
    rows = tx.all(
        "WITH due (due_id) AS MATERIALIZED (SELECT id FROM outbox WHERE state = 'queued'"
        " AND next_at <= :now AND (lease_until IS NULL OR lease_until <= :now"
        f" OR lease_until > :ahead){of_channel} ORDER BY next_at, id LIMIT :limit{skip})"
        " UPDATE outbox SET copies = copies + CASE WHEN lease_until IS NULL THEN 0 ELSE 1 END,"
        " lease_until = :until, attempt = attempt + 1 FROM due"
        f" WHERE id = due_id RETURNING {_COLUMNS}",
        now=now,
        until=now + lease_seconds,
        ahead=now + 2 * lease_seconds,
        limit=limit,
        channel=channel,
    )
    # RETURNING has no order of its own.
    return sorted(map(_row, rows), key=lambda row: (row.next_at, row.id))


def hasten_mails(tx: Tx, *, now: int) -> None:
    """Let mails that wait for another try be due now, except where the mail server said when."""
    tx.do(
        "UPDATE outbox SET next_at = :now WHERE state = 'queued' AND next_at > :now"
        " AND lease_until IS NULL AND channel = 'email' AND reason <> 'throttled'",
        now=now,
    )


def save_state(tx: Tx, row_id: str, result: SendResult, *, now: int) -> None:
    """Write down how far a message got; a final state wipes its payload."""
    tx.do(
        "UPDATE outbox SET state = :state, reason = :reason, provider = :provider, provider_id ="
        " CASE WHEN :provider_id = '' THEN provider_id ELSE :provider_id END, lease_until = NULL,"
        " payload = NULL, accepted_at = CASE WHEN :state IN ('accepted', 'delivered')"
        " THEN COALESCE(accepted_at, :now) ELSE accepted_at END, finished_at = :now"
        " WHERE id = :id",
        id=row_id,
        state=result.state,
        reason=result.reason,
        provider=result.provider,
        provider_id=result.provider_id,
        now=now,
    )


def postpone(
    tx: Tx, row_id: str, *, next_at: int, reason: str, provider: str = "", copies: int = 0
) -> None:
    """Try again later. `copies`: how many may have left by now."""
    tx.do(
        "UPDATE outbox SET next_at = :next, reason = :reason, provider = :provider,"
        " copies = :copies, lease_until = NULL WHERE id = :id",
        id=row_id,
        next=next_at,
        reason=reason,
        provider=provider,
        copies=copies,
    )


def give_back(tx: Tx, row_ids: Sequence[str], *, now: int) -> None:
    """End the leases of messages that were claimed and not finished: whoever looks next takes them.

    The attempt does not count; that something may have left does, as with a lease that has lapsed.
    """
    for row_id in row_ids:
        tx.do(
            "UPDATE outbox SET lease_until = :now, attempt = attempt - 1"
            " WHERE id = :id AND state = 'queued' AND lease_until > :now",
            id=row_id,
            now=now,
        )


def next_due_at(tx: Tx) -> int | None:
    """When the next queued message is due."""
    row = tx.first("SELECT min(next_at) FROM outbox WHERE state = 'queued'")
    return None if row is None else row[0]


Counted = tuple[str, str, str, str, int, int]
_COUNTED = "SELECT channel, provider, state, reason, count(*), min(created_at) FROM outbox WHERE"
_GROUPS = "GROUP BY channel, provider, state, reason ORDER BY channel, provider, state, reason"


def count_waiting(tx: Tx) -> list[Counted]:
    """All messages that wait: channel, provider, state, reason, how many, and when the oldest of
    them was made."""
    return tx.all(f"{_COUNTED} state = 'queued' {_GROUPS}")


def count_finished(tx: Tx, *, since: int) -> list[Counted]:
    """The same of those made since then that wait no more. Reads each of them: some seconds for a
    million."""
    return tx.all(f"{_COUNTED} created_at >= :since AND state <> 'queued' {_GROUPS}", since=since)


def list_of_attempt(
    tx: Tx, session_id: str, *, since: int, phone_id: str | None = None
) -> list[OutboxRow]:
    """Codes sent in one session since `since`, the newest first.

    `phone_id`: only those that went to this phone's number, under whatever id it stood then.
    """
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM outbox WHERE session_id = :session AND kind LIKE 'code.%'"
        " AND created_at >= :since ORDER BY created_at DESC, id DESC",
        session=session_id,
        since=since,
    )
    messages = [_row(row) for row in rows]
    if phone_id is None or not messages:
        return messages
    same = sends.list_to_number_of(tx, phone_id, since=since)
    return [row for row in messages if row.id in same]


def load_newest_of_challenge(tx: Tx, challenge_id: str) -> OutboxRow | None:
    """The newest message that carried this challenge's code."""
    row = tx.first(
        f"SELECT {_COLUMNS} FROM outbox WHERE challenge_id = :id"
        " ORDER BY created_at DESC, id DESC LIMIT 1",
        id=challenge_id,
    )
    return None if row is None else _row(row)


def load_newest_of_kind(tx: Tx, account_id: str, *, kind: str) -> OutboxRow | None:
    """The account's newest message of this kind."""
    row = tx.first(
        f"SELECT {_COLUMNS} FROM outbox WHERE account_id = :id AND kind = :kind"
        " ORDER BY created_at DESC, id DESC LIMIT 1",
        id=account_id,
        kind=kind,
    )
    return None if row is None else _row(row)


def is_notice_recent(tx: Tx, account_id: str, *, kind: str, since: int, now: int) -> bool:
    """Whether a notice of this kind was queued for the account since then; one from the future (the
    clock was moved back) does not count."""
    row = tx.first(
        "SELECT 1 FROM outbox WHERE account_id = :id AND kind = :kind AND created_at > :since"
        " AND created_at <= :now LIMIT 1",
        id=account_id,
        kind=kind,
        since=since,
        now=now,
    )
    return row is not None


def purge(tx: Tx, *, before: int, limit: int) -> int:
    """Drop finished messages older than `before`."""
    return tx.run(
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE created_at < :before"
        " AND state <> 'queued' LIMIT :limit)",
        before=before,
        limit=limit,
    )


def count_notices(tx: Tx, account_id: str, *, kind: str, since: int, now: int) -> int:
    """How many notices of this kind were queued for the account since then, none from the future."""
    row = tx.first(
        "SELECT count(*) FROM outbox WHERE account_id = :id AND kind = :kind AND created_at > :since"
        " AND created_at <= :now",
        id=account_id,
        kind=kind,
        since=since,
        now=now,
    )
    return int(row[0]) if row else 0
