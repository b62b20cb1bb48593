"""Wrong passwords typed by somebody who is already signed in."""

from __future__ import annotations

from twostep.core.audit import event
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import Session
from twostep.flows.turn import Turn
from twostep.store.account.accounts import Held
from twostep.store.sign_in import throttles


def refuse_password_tries(turn: Turn, current: Session) -> Refused | None:
    """Refuse a password typed within a session during a wait."""
    rule = throttle.PASSWORD_ACCOUNT_NETWORK
    return throttle.refuse(throttles.load(turn.tx, _password_key(current)), rule, now=turn.now)


def count_password_try(
    turn: Turn, account: Held, current: Session, *, right: bool
) -> Refused | None:
    """Count a wrong password typed within a session; a right one clears the count."""
    if refused := refuse_password_tries(turn, current):
        return refused
    key = _password_key(current)
    if right:
        throttles.remove(turn.tx, key)
        return None
    rule = throttle.PASSWORD_ACCOUNT_NETWORK
    state = throttle.count(throttles.lock(turn.tx, key, now=turn.now), rule, now=turn.now)
    throttles.save(turn.tx, key, state, now=turn.now)
    reason = Reason.PASSWORD_CURRENT_WRONG
    turn.record(
        account, event.new_event(event.PASSWORD_REFUSED, event.Outcome.REFUSED, reason=str(reason))
    )
    return Refused(reason, retry_at=throttle.waits_until(state, rule, now=turn.now))


def _password_key(current: Session) -> str:
    browser = current.browser_id or current.id
    return f"{throttle.PASSWORD_ACCOUNT_NETWORK.name}:{current.account_id}:browser:{browser}"
