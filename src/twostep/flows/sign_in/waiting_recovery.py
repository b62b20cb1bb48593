"""What ends a waiting recovery, and what carries it on.

Its link, a sign-in with a second step, "This wasn't me" and a new password end it. A password that was
retired because codes were guessed with it does not: otherwise a thief could keep its owner out of
recovery for ever by guessing. The recovery goes on with the new password, with three days at least left.
"""

from __future__ import annotations

from dataclasses import replace

from twostep.core.account import Account, Status
from twostep.core.audit import event
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.policy.decide import rules_of
from twostep.flows.turn import Turn
from twostep.store.account import mail_links
from twostep.store.account.accounts import Held
from twostep.store.recovery import recoveries


CANCEL = "cancel_recovery"
FINISH = "finish_recovery"
DAY_SECONDS = 86_400
LEAST_LEFT_SECONDS = 3 * DAY_SECONDS  # after a new password


def cancel_recovery(turn: Turn, account: Held, *, by: str) -> bool:
    """End the account's recovery and notify its owner; False if there was none."""
    if not rules_of(turn.env.settings).recovery_wait_hours or not recoveries.remove(
        turn.tx, account.id
    ):
        return False
    end_links(turn, account)
    turn.record(account, event.new_event(event.RECOVERY_CANCELLED, by=by))
    turn.notify(account, NoticeKind.RECOVERY_CANCELLED)
    return True


def settle_recovery(turn: Turn, account: Held) -> None:
    """Carry the recovery over to the new password if guesses retired the old one, else end it.

    `account` as it was before the new password. Whatever else retires a password ends the recovery too.
    """
    recovery = recoveries.load(turn.tx, account.id)
    if recovery is None or account.status is not Status.RETIRED:
        cancel_recovery(turn, account, by="change")
        return
    mail_links.end_all(turn.tx, account.id, purpose=FINISH, now=turn.now)
    ends_at = max(recovery.ends_at, turn.now + LEAST_LEFT_SECONDS)
    goes_on = replace(
        recovery,
        password_version=account.password_version + 1,
        ends_at=ends_at,
        next_at=min(turn.now + DAY_SECONDS, ends_at),
        ended_at=None,
    )
    recoveries.save(turn.tx, goes_on)


def end_links(turn: Turn, account: Account) -> None:
    """Invalidate the links of a recovery that is over."""
    for purpose in (CANCEL, FINISH):
        mail_links.end_all(turn.tx, account.id, purpose=purpose, now=turn.now)
