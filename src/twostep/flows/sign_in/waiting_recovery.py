"""End a waiting recovery: by its link, by a second-step sign-in, or when its conditions lapse."""

from __future__ import annotations

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.policy.decide import rules_of
from twostep.flows.turn import Turn
from twostep.store.account import mail_links
from twostep.store.account.accounts import Held
from twostep.store.recovery import recoveries


CANCEL = "cancel_recovery"
FINISH = "finish_recovery"


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


def end_links(turn: Turn, account: Account) -> None:
    """Invalidate the links of a recovery that is over."""
    for purpose in (CANCEL, FINISH):
        mail_links.end_all(turn.tx, account.id, purpose=purpose, now=turn.now)
