"""What every flow does with the account it holds: lock it, record an event."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Account
from twostep.core.audit.event import Event
from twostep.core.sign_in.session import Session
from twostep.flows.env import Visitor
from twostep.store.account import accounts
from twostep.store.audit import trail as audit
from twostep.store.sign_in import sessions
from twostep.store.tx import Tx


def lock_owner(tx: Tx, current: Session) -> Account | None:
    """Lock the session's account; None: the session was ended since the request was read.

    Without it a change could be made by a session that "end all sessions" has just ended.
    """
    account = accounts.lock(tx, current.account_id)
    return account if account is not None and sessions.exists(tx, current.id) else None


def record(tx: Tx, account: Account, visitor: Visitor, told: Event, *, now: int) -> None:
    """Append what the account's owner, or somebody in their place, has done. The account is locked."""
    audit.append(tx, told, account_id=account.id, source=visitor.source, now=now)


@dataclass(frozen=True, slots=True)
class Done:
    """The change was made."""
