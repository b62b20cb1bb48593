"""Alarms for operators: in the audit trail for good, on their page while they are new, in the log."""

from __future__ import annotations

import structlog

from twostep.core import token
from twostep.core.audit import event
from twostep.core.audit.event import SYSTEM
from twostep.flows.turn import Turn
from twostep.store.audit import trail as audit
from twostep.store.messages import alarms
from twostep.store.messages.alarms import Alarm


log = structlog.get_logger(__name__)


def raise_alarm(turn: Turn, kind: str, *, subject: str, **data: str | int) -> None:
    """Raise one. `subject`: what it is about, never a number. Comes after every row lock of a flow."""
    alarms.insert(turn.tx, Alarm(token.new_id(), turn.now, kind, subject, data))
    told = event.new_event(kind, **data)  # type: ignore[arg-type]  # `method` is never among them
    audit.append_system(turn.tx, told, subject=subject, source=SYSTEM, now=turn.now)
    turn.tx.on_commit(lambda: log.warning("delivery.alarm", kind=kind, **data))
