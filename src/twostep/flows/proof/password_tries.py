"""Wrong passwords of somebody who is already signed in."""

from __future__ import annotations

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import Session
from twostep.flows.env import Visitor
from twostep.flows.turn import record
from twostep.store.sign_in import throttles
from twostep.store.tx import Tx


def refuse_password_tries(tx: Tx, current: Session, *, now: int) -> Refused | None:
    """Refuse a password typed inside a session during a wait."""
    rule = throttle.PASSWORD_ACCOUNT_NETWORK
    return throttle.refuse(throttles.load(tx, _password_key(current)), rule, now=now)


def count_password_try(
    tx: Tx, account: Account, visitor: Visitor, current: Session, *, right: bool, now: int
) -> Refused | None:
    """Decide a password typed inside a session; a wrong one counts, a right one clears."""
    if refused := refuse_password_tries(tx, current, now=now):
        return refused
    key = _password_key(current)
    if right:
        throttles.remove(tx, key)
        return None
    rule = throttle.PASSWORD_ACCOUNT_NETWORK
    state = throttle.count(throttles.lock(tx, key, now=now), rule, now=now)
    throttles.save(tx, key, state, now=now)
    reason = Reason.PASSWORD_CURRENT_WRONG
    record(
        tx,
        account,
        visitor,
        event.new_event(event.PASSWORD_REFUSED, event.Outcome.REFUSED, reason=str(reason)),
        now=now,
    )
    return Refused(reason, retry_at=throttle.waits_until(state, rule, now=now))


def _password_key(current: Session) -> str:
    browser = current.browser_id or current.id
    return f"{throttle.PASSWORD_ACCOUNT_NETWORK.name}:{current.account_id}:browser:{browser}"
