"""Apps that our own clock has shut: it was ahead when they were last used, and was put right since.

Their codes are refused until that time has come, and `doctor --mend-clock` opens them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.methods import totp
from twostep.core.methods.authenticator import App, MethodKind, method_name
from twostep.core.methods.totp import CLOCK_MOVED_BACK_STEPS
from twostep.core.refusal import Reason, Refused
from twostep.flows.audit.alarm import raise_alarm
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.messages import alarms
from twostep.store.methods import apps
from twostep.store.tx import Tx


def count_ahead(turn: Turn) -> int:
    """Count the apps that took a code which lies too far ahead of now."""
    return apps.count_ahead(turn.tx, now=turn.now, steps=CLOCK_MOVED_BACK_STEPS)


def mend_clock(turn: Turn, *, limit: int) -> int:
    """Let such apps take the next code from now on; how many were mended, `limit` at most.

    The clock must be right when this runs: codes after now, taken once already, can be taken again.
    """
    found = apps.list_ahead(turn.tx, now=turn.now, steps=CLOCK_MOVED_BACK_STEPS, limit=limit)
    for app in found:
        account = accounts.lock(turn.tx, app.account_id)
        if account is None:
            continue
        apps.move_step_back(turn.tx, app.id, step=turn.now // app.period_seconds)
        told = event.new_event(
            event.CLOCK_MENDED,
            method=f"app:{app.id}",
            ahead_seconds=app.last_step * app.period_seconds - turn.now,
        )
        turn.record(account, told)
    return len(found)


ALARM_AGAIN_SECONDS = 86_400


def is_shut(answer: totp.MatchedStep | Refused | None) -> bool:
    """Whether this is what such an app answers, whatever was typed."""
    return isinstance(answer, Refused) and answer.reason is Reason.CLOCK_MOVED_BACK


def tell_of_shut(
    turn: Turn, account: Held, apps: Sequence[App], answers: Sequence[totp.MatchedStep | Refused]
) -> None:
    """Write down which of the apps they are, and let the operators know."""
    for app, answer in zip(apps, answers, strict=True):
        if is_shut(answer):
            ahead = app.last_step * app.period_seconds - turn.now
            last = partial(_tell_operators, turn=turn, ahead=ahead)
            turn.tx.at_end(event.CLOCK_MOVED_BACK, last)
            told = event.new_event(
                event.CLOCK_MOVED_BACK,
                Outcome.REFUSED,
                method=method_name(MethodKind.APP, app.id),
                ahead_seconds=ahead,
            )
            turn.record(account, told)


def _tell_operators(_: Tx, kind: str, *, turn: Turn, ahead: int) -> None:
    """Raise the alarm once a day, at the end of the flow: the system's chain is locked last."""
    if not alarms.is_recent(turn.tx, kind, since=turn.now - ALARM_AGAIN_SECONDS):
        raise_alarm(turn, kind, subject="clock", ahead_seconds=ahead)


def was_clock_ahead(turn: Turn) -> bool:
    """Whether operators should be told on their own pages."""
    return alarms.is_recent(turn.tx, event.CLOCK_MOVED_BACK, since=turn.now - ALARM_AGAIN_SECONDS)
