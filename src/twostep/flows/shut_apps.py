"""Apps that our own clock has shut: it was ahead when they were last used, and was put right since.

Their codes are refused until that time has come, and `doctor --mend-clock` opens them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from twostep.core import event, totp
from twostep.core.account import Account
from twostep.core.authenticator import App, MethodKind, method_name
from twostep.core.event import Outcome
from twostep.core.refusal import Reason, Refused
from twostep.flows.alarm import raise_alarm
from twostep.flows.env import Visitor
from twostep.flows.record import record
from twostep.store import alarms
from twostep.store.tx import Tx


ALARM_AGAIN_SECONDS = 86_400


def is_shut(answer: totp.Accepted | Refused | None) -> bool:
    """Whether this is what such an app answers, whatever was typed."""
    return isinstance(answer, Refused) and answer.reason is Reason.CLOCK_MOVED_BACK


def tell_of_shut(
    tx: Tx,
    account: Account,
    visitor: Visitor,
    apps: Sequence[App],
    answers: Sequence[totp.Accepted | Refused],
    *,
    now: int,
) -> None:
    """Write down which of the apps they are, and let the operators know."""
    for app, answer in zip(apps, answers, strict=True):
        if is_shut(answer):
            ahead = app.last_step * app.period_seconds - now
            tx.at_end(event.CLOCK_MOVED_BACK, partial(_tell_operators, ahead=ahead, now=now))
            told = event.new_event(
                event.CLOCK_MOVED_BACK,
                Outcome.REFUSED,
                method=method_name(MethodKind.APP, app.id),
                ahead_seconds=ahead,
            )
            record(tx, account, visitor, told, now=now)


def _tell_operators(tx: Tx, kind: str, *, ahead: int, now: int) -> None:
    """Raise the alarm once a day, at the end of the flow: the system's chain is locked last."""
    if not alarms.is_recent(tx, kind, since=now - ALARM_AGAIN_SECONDS):
        raise_alarm(tx, kind, subject="clock", now=now, ahead_seconds=ahead)


def was_clock_ahead(tx: Tx, *, now: int) -> bool:
    """Whether operators should be told on their own pages."""
    return alarms.is_recent(tx, event.CLOCK_MOVED_BACK, since=now - ALARM_AGAIN_SECONDS)
