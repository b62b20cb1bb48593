"""Turn two-step sign-in on, with the first app or passkey."""

from __future__ import annotations

from twostep.core import event
from twostep.core.account import Account
from twostep.flows.env import Visitor
from twostep.flows.record import record
from twostep.store import accounts
from twostep.store.tx import Tx


def turn_on(tx: Tx, account: Account, visitor: Visitor, *, now: int) -> None:
    """Turn it on. Other sessions live on; ending them is offered, not done."""
    accounts.save_two_step(tx, account.id, on=True, now=now)
    record(tx, account, visitor, event.new_event(event.TWO_STEP_ENABLED), now=now)
