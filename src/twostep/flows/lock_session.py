"""Begin a change that somebody makes in a session: lock the account, see that the session still lives."""

from __future__ import annotations

from twostep.core.account import Account
from twostep.core.session import Session
from twostep.store import accounts, sessions
from twostep.store.tx import Tx


def lock_owner(tx: Tx, current: Session) -> Account | None:
    """Lock the session's account; None: the session was ended since the request was read.

    Without it a change could be made by a session that "end all sessions" has just ended.
    """
    account = accounts.lock(tx, current.account_id)
    return account if account is not None and sessions.exists(tx, current.id) else None
