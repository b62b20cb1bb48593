"""Requests that were refused before any page acted: recorded where a session says whose they were.

Without a session they go to the log alone, so that strangers cannot fill the audit trail.
Source: ASVS 16.3.3.
"""

from __future__ import annotations

from twostep.core.audit import event
from twostep.core.sign_in.session import Session
from twostep.flows.env import Visitor
from twostep.flows.turn import record
from twostep.store.account import accounts
from twostep.store.tx import Tx


def record_refused(
    tx: Tx, visitor: Visitor, current: Session, *, reason: str, path: str, now: int
) -> None:
    """Record a refused request. `path`: the route's pattern, which holds no id."""
    account = accounts.lock(tx, current.account_id)
    if account is not None:
        told = event.new_event(
            event.REQUEST_REFUSED, event.Outcome.REFUSED, reason=reason, path=path
        )
        record(tx, account, visitor, told, now=now)
