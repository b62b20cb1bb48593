"""Record requests refused before any page acted, if a session tells whose they were.

Without a session they are only logged, so that strangers cannot fill the audit trail.
Source: ASVS 16.3.3.
"""

from __future__ import annotations

from twostep.core.audit import event
from twostep.core.sign_in.session import Session
from twostep.flows.turn import Turn
from twostep.store.account import accounts


def record_refused(turn: Turn, current: Session, *, reason: str, path: str) -> None:
    """Record a refused request. `path`: the route's pattern, which contains no id."""
    account = accounts.lock(turn.tx, current.account_id)
    if account is not None:
        refusal = event.new_event(
            event.REQUEST_REFUSED, event.Outcome.REFUSED, reason=reason, path=path
        )
        turn.record(account, refusal)
