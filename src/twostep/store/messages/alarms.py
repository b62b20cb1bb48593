"""What operators should look at: the newest alarms, beside the audit trail that keeps them for good."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from twostep.store import tables
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm. `event`: its kind in the audit trail; `subject`: what it is about."""

    id: str
    at: int
    event: str
    subject: str
    data: Mapping[str, str | int]


_COLUMNS = tables.columns(Alarm)


def insert(tx: Tx, alarm: Alarm) -> None:
    """Raise an alarm."""
    tables.insert(tx, "alarms", alarm, data=json.dumps(dict(alarm.data), sort_keys=True))


def list_newest(tx: Tx, *, since: int, limit: int) -> list[Alarm]:
    """Alarms since then, the newest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM alarms WHERE at >= :since ORDER BY at DESC, id DESC LIMIT :limit",
        since=since,
        limit=limit,
    )
    return [Alarm(row[0], row[1], row[2], row[3], json.loads(row[4])) for row in rows]


def is_recent(tx: Tx, event: str, *, since: int, subject: str | None = None) -> bool:
    """Whether an alarm of this kind was raised since then, about `subject` if that is given."""
    about = "" if subject is None else " AND subject = :subject"
    row = tx.first(
        f"SELECT 1 FROM alarms WHERE at >= :since AND event = :event{about} LIMIT 1",
        since=since,
        event=event,
        subject=subject,
    )
    return row is not None


def purge(tx: Tx, *, before: int, limit: int) -> int:
    """Forget alarms older than `before`."""
    return tx.run(
        "DELETE FROM alarms WHERE id IN (SELECT id FROM alarms WHERE at < :before LIMIT :limit)",
        before=before,
        limit=limit,
    )
