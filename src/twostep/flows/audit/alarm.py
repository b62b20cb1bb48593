"""Alarms for operators: kept in the audit trail, logged, and shown on their page while recent."""

from __future__ import annotations

import structlog

from twostep.core import token
from twostep.core.audit import event
from twostep.core.audit.event import SYSTEM
from twostep.flows.turn import Turn
from twostep.store.messages import alarms
from twostep.store.messages.alarms import Alarm


log = structlog.get_logger(__name__)


def raise_alarm(turn: Turn, kind: str, *, subject: str, **data: str | int) -> None:
    """Raise an alarm; call it after every row lock of the flow.

    `subject`: what it is about, never a phone number.
    """
    alarms.insert(turn.tx, Alarm(token.new_id(), turn.now, kind, subject, data))
    raised = event.new_event(kind, **data)  # type: ignore[arg-type]  # `method` is never among them
    turn.record_system_by(SYSTEM, raised, subject=subject)
    turn.tx.on_commit(lambda: log.warning("delivery.alarm", kind=kind, **data))
