"""Wrong passwords typed by somebody who is already signed in."""

from __future__ import annotations

from twostep.core.audit import event
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import Session
from twostep.flows.turn import Turn
from twostep.store.account.accounts import Held
from twostep.store.sign_in import throttles


# It is typed where the account is signed in already: nobody else can use it up.
_RULE = throttle.in_browser(throttle.PASSWORD_ACCOUNT_NETWORK)


def refuse_password_tries(turn: Turn, current: Session) -> Refused | None:
    """Refuse a password typed within a session during a wait."""
    state = throttles.load(turn.tx, _password_key(current))
    return throttle.refuse(state, _RULE, now=turn.now)


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
    state = throttle.count(throttles.lock(turn.tx, key, now=turn.now), _RULE, now=turn.now)
    throttles.save(turn.tx, key, state, now=turn.now)
    reason = Reason.PASSWORD_CURRENT_WRONG
    turn.record(
        account, event.new_event(event.PASSWORD_REFUSED, event.Outcome.REFUSED, reason=str(reason))
    )
    until = throttle.waits_until(state, _RULE, now=turn.now)
    return Refused(reason, retry_at=until, detail={"scope": _RULE.scope})


def _password_key(current: Session) -> str:
    browser = current.browser_id or current.id
    return f"{_RULE.name}:{current.account_id}:browser:{browser}"
