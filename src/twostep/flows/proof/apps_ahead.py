"""Apps locked out by our own clock: it ran ahead when they were last used, and was corrected since.

Their codes are refused until the clock catches up, or until `doctor --mend-clock` resets them.
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
    """Count the apps whose last accepted code lies too far in the future."""
    return apps.count_ahead(turn.tx, now=turn.now, steps=CLOCK_MOVED_BACK_STEPS)


def mend_clock(turn: Turn, *, limit: int) -> int:
    """Reset at most `limit` such apps, so that their next code is accepted; returns how many.

    The clock must be right when this runs, because codes that were already used while it was ahead
    become usable again.
    """
    ahead = apps.list_ahead(turn.tx, now=turn.now, steps=CLOCK_MOVED_BACK_STEPS, limit=limit)
    for app in ahead:
        account = accounts.lock(turn.tx, app.account_id)
        if account is None:
            continue
        apps.move_step_back(turn.tx, app.id, step=turn.now // app.period_seconds)
        mended = event.new_event(
            event.CLOCK_MENDED,
            method=f"app:{app.id}",
            ahead_seconds=app.last_step * app.period_seconds - turn.now,
        )
        turn.record(account, mended)
    return len(ahead)


ALARM_AGAIN_SECONDS = 86_400


def is_ahead(answer: totp.MatchedStep | Refused | None) -> bool:
    """Whether an app gave this answer because it is ahead; it then refuses every code."""
    return isinstance(answer, Refused) and answer.reason is Reason.CLOCK_MOVED_BACK


def record_ahead(
    turn: Turn, account: Held, apps: Sequence[App], answers: Sequence[totp.MatchedStep | Refused]
) -> None:
    """Record which apps are ahead, and alert the operators."""
    for app, answer in zip(apps, answers, strict=True):
        if is_ahead(answer):
            ahead = app.last_step * app.period_seconds - turn.now
            alert = partial(_alert_operators, turn=turn, ahead=ahead)
            turn.tx.at_end(event.CLOCK_MOVED_BACK, alert)
            refusal = event.new_event(
                event.CLOCK_MOVED_BACK,
                Outcome.REFUSED,
                method=method_name(MethodKind.APP, app.id),
                ahead_seconds=ahead,
            )
            turn.record(account, refusal)


def _alert_operators(_: Tx, kind: str, *, turn: Turn, ahead: int) -> None:
    """Raise the alarm, at most once a day; at the end of the flow, as the system chain locks last."""
    if not alarms.is_recent(turn.tx, kind, since=turn.now - ALARM_AGAIN_SECONDS):
        raise_alarm(turn, kind, subject="clock", ahead_seconds=ahead)


def was_clock_ahead(turn: Turn) -> bool:
    """Whether operators' pages should show the alarm."""
    return alarms.is_recent(turn.tx, event.CLOCK_MOVED_BACK, since=turn.now - ALARM_AGAIN_SECONDS)
