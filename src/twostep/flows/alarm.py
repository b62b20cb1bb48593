"""Alarms for operators: in the audit trail for good, on their page while they are new, in the log."""

from __future__ import annotations

import structlog

from twostep.core import event, token
from twostep.core.event import SYSTEM
from twostep.store import alarms, audit
from twostep.store.alarms import Alarm
from twostep.store.tx import Tx


log = structlog.get_logger(__name__)


def raise_alarm(tx: Tx, kind: str, *, subject: str, now: int, **data: str | int) -> None:
    """Raise one. `subject`: what it is about, never a number. Comes after every row lock of a flow."""
    alarms.insert(tx, Alarm(token.new_id(), now, kind, subject, data))
    told = event.new_event(kind, **data)  # type: ignore[arg-type]  # `method` is never among them
    audit.append_system(tx, told, subject=subject, source=SYSTEM, now=now)
    tx.on_commit(lambda: log.warning("delivery.alarm", kind=kind, **data))
