"""Apps that our own clock has shut: it was ahead when they were last used, and was put right since.

Their codes are refused until that time has come, and `doctor --mend-clock` opens them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.methods import totp
from twostep.core.methods.authenticator import App, MethodKind, method_name
from twostep.core.methods.totp import CLOCK_MOVED_BACK_STEPS
from twostep.core.refusal import Reason, Refused
from twostep.flows.audit.alarm import raise_alarm
from twostep.flows.env import Visitor
from twostep.flows.turn import record
from twostep.store.account import accounts
from twostep.store.audit import trail as audit
from twostep.store.messages import alarms
from twostep.store.methods import apps
from twostep.store.tx import Tx


def count_ahead(tx: Tx, *, now: int) -> int:
    """Count the apps that took a code which lies too far ahead of now."""
    return apps.count_ahead(tx, now=now, steps=CLOCK_MOVED_BACK_STEPS)


def mend_clock(tx: Tx, *, now: int, limit: int) -> int:
    """Let such apps take the next code from now on; how many were mended, `limit` at most.

    The clock must be right when this runs: codes after now, taken once already, can be taken again.
    """
    found = apps.list_ahead(tx, now=now, steps=CLOCK_MOVED_BACK_STEPS, limit=limit)
    for app in found:
        if accounts.lock(tx, app.account_id) is None:
            continue
        apps.move_step_back(tx, app.id, step=now // app.period_seconds)
        told = event.new_event(
            event.CLOCK_MENDED,
            method=f"app:{app.id}",
            ahead_seconds=app.last_step * app.period_seconds - now,
        )
        audit.append(tx, told, account_id=app.account_id, source=event.CLI, now=now)
    return len(found)


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
