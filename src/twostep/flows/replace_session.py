"""A sign-in in a browser that still has a session: the earlier one ends, with an event of its own.

It may belong to another account, whose row is locked with the first one's: both by id, so that two
browsers that change places never wait for each other.
"""

from __future__ import annotations

from twostep.core import event, token
from twostep.core import session as session_core
from twostep.core.account import Account
from twostep.core.session import Session
from twostep.flows.env import Env, Visitor
from twostep.flows.record import record
from twostep.store import accounts, sessions
from twostep.store.tx import Tx


def find_earlier(tx: Tx, old_token: str) -> Session | None:
    """The session whose cookie the browser still has; nothing is locked yet."""
    found = sessions.load(tx, token.digest(old_token)) if old_token else None
    return None if found is None else found[0]


def lock_with(tx: Tx, account_id: str, earlier: Session | None) -> Account | None:
    """Lock the account that signs in, and the one whose session would end."""
    ids = {account_id} if earlier is None else {account_id, earlier.account_id}
    locked = {one: accounts.lock(tx, one) for one in sorted(ids)}
    return locked[account_id]


def end_earlier(tx: Tx, env: Env, visitor: Visitor, earlier: Session | None, *, now: int) -> None:
    """End it; its own account's trail says so, unless its time was over or somebody was faster."""
    if earlier is None or not sessions.remove(tx, earlier.id, account_id=earlier.account_id):
        return
    owner = accounts.load(tx, earlier.account_id)
    if owner and session_core.is_live(earlier, now=now, limits=env.limits):
        ended = event.new_event(event.SESSION_ENDED, by="new_sign_in", sessions=1)
        record(tx, owner, visitor, ended, now=now)
