"""End a waiting recovery: by its link, by a sign-in with a second step, or because it lost its ground."""

from __future__ import annotations

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env, Visitor
from twostep.flows.messages.notify import notify
from twostep.store.account import mail_links
from twostep.store.audit import trail as audit
from twostep.store.recovery import recoveries
from twostep.store.tx import Tx


CANCEL = "cancel_recovery"
FINISH = "finish_recovery"


def cancel_recovery(
    tx: Tx, env: Env, account: Account, visitor: Visitor, *, by: str, now: int
) -> bool:
    """End the locked account's recovery and tell its owner; False: there was none."""
    if not env.settings.policy.recovery_wait_hours or not recoveries.remove(tx, account.id):
        return False
    end_links(tx, account, now=now)
    audit.append(
        tx,
        event.new_event(event.RECOVERY_CANCELLED, by=by),
        account_id=account.id,
        source=visitor.source,
        now=now,
    )
    notify(tx, env, account, NoticeKind.RECOVERY_CANCELLED, visitor=visitor, now=now)
    return True


def end_links(tx: Tx, account: Account, *, now: int) -> None:
    """Links of a recovery that is over are dead."""
    for purpose in (CANCEL, FINISH):
        mail_links.end_all(tx, account.id, purpose=purpose, now=now)
