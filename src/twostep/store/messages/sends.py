"""Texts and calls as they are counted: for limits, for the conversion watch and for the operators.

Numbers stand here as keyed digests only, of the whole number and of all but its last four digits.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.messages.channel import Channel
from twostep.store import tables
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Send:
    """One text or call. `id`: the outbox row's. `challenge_id`: None for a test message."""

    id: str
    account_id: str
    challenge_id: str | None
    region: str
    channel: Channel
    confirmed: bool
    fingerprint: bytes
    prefix: bytes
    sent_at: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How many sends of one day and region ended so, by one provider.

    `day`: days since 1970. `verified`: how many of them had their code typed. `accept_seconds`: from
    queued to accepted, all together, of `accepts` sends.
    """

    day: int
    region: str
    channel: Channel
    provider: str
    state: str
    reason: str
    count: int
    verified: int
    accepts: int
    accept_seconds: int


def insert(tx: Tx, send: Send) -> None:
    """Write a send down."""
    tables.insert(tx, "sends", send)


def save_verified(tx: Tx, challenge_id: str, *, now: int) -> None:
    """The code of this challenge came back: every message that carried it was worth its cost."""
    tx.do(
        "UPDATE sends SET verified_at = :now WHERE challenge_id = :id AND verified_at IS NULL",
        id=challenge_id,
        now=now,
    )


def list_new_numbers(tx: Tx, prefix: bytes, *, since: int, limit: int) -> set[bytes]:
    """Distinct numbers of a prefix that were sent to since then and that nobody has confirmed: a firm
    whose people add their own phones is no pump."""
    rows = tx.all(
        "SELECT DISTINCT fingerprint FROM sends s WHERE prefix = :prefix AND sent_at > :since"
        " AND confirmed = 0 AND NOT EXISTS (SELECT 1 FROM phones p"
        " WHERE p.fingerprint = s.fingerprint AND p.confirmed_at IS NOT NULL) LIMIT :limit",
        prefix=prefix,
        since=since,
        limit=limit,
    )
    return {bytes(row[0]) for row in rows}


def list_to_number_of(tx: Tx, phone_id: str, *, since: int) -> set[str]:
    """Ids of the sends since then that went to the number of this phone."""
    rows = tx.all(
        "SELECT s.id FROM sends s JOIN phones p ON p.fingerprint = s.fingerprint"
        " AND s.account_id = p.account_id WHERE p.id = :phone AND s.sent_at >= :since",
        phone=phone_id,
        since=since,
    )
    return {row[0] for row in rows}


def list_conversions(
    tx: Tx, region: str, *, since: int, settled_before: int, limit: int
) -> list[bool]:
    """Whether the newest sends to new numbers of a region were verified, newest first.

    Only those that were, or that are older than `settled_before`, and none before `since`.
    """
    rows = tx.all(
        "SELECT verified_at IS NOT NULL FROM sends WHERE region = :region AND confirmed = 0"
        " AND sent_at >= :since AND (verified_at IS NOT NULL OR sent_at < :settled)"
        " ORDER BY sent_at DESC, id DESC LIMIT :limit",
        region=region,
        since=since,
        settled=settled_before,
        limit=limit,
    )
    return [bool(row[0]) for row in rows]


def tally(tx: Tx, *, since: int) -> list[Tally]:
    """Count sends since then, by day, region, channel, provider and what became of them."""
    rows = tx.all(
        "SELECT s.sent_at / 86400 AS day, s.region, s.channel, COALESCE(o.provider, ''),"
        " COALESCE(o.state, 'expired'), COALESCE(o.reason, ''), count(*),"
        " sum(CASE WHEN s.verified_at IS NULL THEN 0 ELSE 1 END),"
        " sum(CASE WHEN o.accepted_at IS NULL THEN 0 ELSE 1 END),"
        " sum(COALESCE(o.accepted_at - s.sent_at, 0))"
        " FROM sends s LEFT JOIN outbox o ON o.id = s.id WHERE s.sent_at >= :since"
        " GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6",
        since=since,
    )
    return [Tally(row[0], row[1], Channel(row[2]), *row[3:6], *map(int, row[6:10])) for row in rows]


def list_verify_seconds(tx: Tx, *, since: int) -> list[tuple[int, str, int]]:
    """Day, region and seconds from sending to verifying, of each send whose code came back."""
    rows = tx.all(
        "SELECT sent_at / 86400, region, verified_at - sent_at FROM sends"
        " WHERE sent_at >= :since AND verified_at IS NOT NULL ORDER BY sent_at, id",
        since=since,
    )
    return [(int(row[0]), row[1], int(row[2])) for row in rows]


def list_speeds(tx: Tx, *, since: int, limit: int) -> list[tuple[str, int | None, int | None]]:
    """Provider, and seconds from asking until it took the message and until it reported it delivered
    (None: it did not), of the newest sends."""
    rows = tx.all(
        "SELECT o.provider, o.accepted_at - s.sent_at,"
        " CASE WHEN o.state = 'delivered' THEN o.finished_at - s.sent_at END"
        " FROM sends s JOIN outbox o ON o.id = s.id WHERE s.sent_at >= :since"
        " AND o.provider <> '' ORDER BY s.sent_at DESC, s.id DESC LIMIT :limit",
        since=since,
        limit=limit,
    )
    return [(row[0], row[1], row[2]) for row in rows]


def purge(tx: Tx, *, before: int, limit: int) -> int:
    """Forget sends older than `before`."""
    return tx.run(
        "DELETE FROM sends WHERE id IN (SELECT id FROM sends WHERE sent_at < :before LIMIT :limit)",
        before=before,
        limit=limit,
    )
