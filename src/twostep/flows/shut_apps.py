"""Apps that our own clock has shut: it was ahead when they were last used, and was put right since.

Their codes are refused until that time has come, and `doctor --mend-clock` opens them.
"""

from __future__ import annotations

from collections.abc import Sequence

from twostep.core import event, totp
from twostep.core.account import Account
from twostep.core.authenticator import App, MethodKind, method_name
from twostep.core.event import Outcome
from twostep.core.refusal import Reason, Refused
from twostep.flows.env import Visitor
from twostep.flows.record import record
from twostep.store.tx import Tx


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
    """Write down which of the apps they are."""
    for app, answer in zip(apps, answers, strict=True):
        if is_shut(answer):
            told = event.new_event(
                event.CLOCK_MOVED_BACK,
                Outcome.REFUSED,
                method=method_name(MethodKind.APP, app.id),
                ahead_seconds=app.last_step * app.period_seconds - now,
            )
            record(tx, account, visitor, told, now=now)
