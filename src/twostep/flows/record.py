"""Write an event of an account's owner into the account's chain."""

from __future__ import annotations

from twostep.core.account import Account
from twostep.core.event import Event
from twostep.flows.env import Visitor
from twostep.store import audit
from twostep.store.tx import Tx


def record(tx: Tx, account: Account, visitor: Visitor, told: Event, *, now: int) -> None:
    """Append what the account's owner, or somebody in their place, has done. The account is locked."""
    audit.append(tx, told, account_id=account.id, source=visitor.source, now=now)
