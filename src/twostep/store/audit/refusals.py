"""Refusals of one kind become one event a minute, with a count: whoever repeats a request fills
neither the trail nor its owner's history.

The first is written at once, and so is one with another outcome, such as a wait. Those of the next minute wait here, by account, kind, reason and network,
for the event that counts them: at the next refusal, or by a job. The account is locked meanwhile, so
the counts are exact.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from twostep.core.audit.event import MERGE_SECONDS, MERGED, Event, Outcome, Source
from twostep.core.audit.occurrence import Occurrence
from twostep.store import tables
from twostep.store.account.accounts import Held
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class RefusalCount:
    """One kind of refusal. `since_at`: when the last event was written; `waiting`: refusals since
    then; the other columns are the newest one's, as the next event will have them."""

    account_id: str
    event: str
    reason: str
    network: str
    outcome: Outcome
    data: str
    actor: str
    browser: str
    since_at: int
    waiting: int


def merge(tx: Tx, event: Event, *, account: Held, source: Source, now: int) -> Event | None:
    """The event to append now; None if a minute's refusals wait, and this one with them."""
    if event.kind not in MERGED:
        return event
    row = RefusalCount(
        account_id=account.id,
        event=event.kind,
        reason=str(event.data.get("reason", "")),
        network=source.network,
        outcome=event.outcome,
        data=json.dumps(dict(event.data)),
        actor=source.actor,
        browser=source.browser,
        since_at=now,
        waiting=0,
    )
    stored = load(tx, row)
    if (
        stored is not None
        and stored.outcome is event.outcome
        and 0 <= now - stored.since_at < MERGE_SECONDS
    ):
        save(tx, replace(row, since_at=stored.since_at, waiting=stored.waiting + 1))
        # Log and metrics have it when it happens.
        tx.events.append(Occurrence(event, source, account.id, account.id))
        return None
    save(tx, row)
    return _counted(event, count=1 + (stored.waiting if stored else 0))


def event_of(row: RefusalCount) -> tuple[Event, Source]:
    """The event of those that wait, and its source."""
    event = Event(row.event, row.outcome, data=json.loads(row.data))
    return _counted(event, count=row.waiting), Source(row.actor, row.network, row.browser)


def _counted(event: Event, *, count: int) -> Event:
    return event if count == 1 else replace(event, data={**event.data, "count": count})


_COLUMNS = tables.columns(RefusalCount)
_count_of = tables.reader(RefusalCount)
_KEY = "account_id = :account_id AND event = :event AND reason = :reason AND network = :network"


def load(tx: Tx, row: RefusalCount) -> RefusalCount | None:
    """The row with the same key."""
    stored = tx.first(
        f"SELECT {_COLUMNS} FROM refusals WHERE {_KEY}",
        account_id=row.account_id,
        event=row.event,
        reason=row.reason,
        network=row.network,
    )
    return None if stored is None else _count_of(stored)


def save(tx: Tx, row: RefusalCount) -> None:
    """Keep a row."""
    tables.upsert(tx, "refusals", row, on="account_id, event, reason, network")


def list_waiting(tx: Tx, *, before: int, limit: int) -> list[RefusalCount]:
    """Rows whose refusals have waited since `before`, in the order in which accounts are locked."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM refusals WHERE since_at <= :before AND waiting > 0"
        " ORDER BY since_at LIMIT :limit",
        before=before,
        limit=limit,
    )
    return sorted(map(_count_of, rows), key=lambda row: row.account_id)


def purge(tx: Tx, *, before: int, limit: int) -> int:
    """Drop rows that count nothing and are as old."""
    return tx.run(
        "DELETE FROM refusals WHERE (account_id, event, reason, network) IN"
        " (SELECT account_id, event, reason, network FROM refusals"
        " WHERE since_at < :before AND waiting = 0 LIMIT :limit)",
        before=before,
        limit=limit,
    )
