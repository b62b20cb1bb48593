"""The support reference: proves to the help desk that the caller knows the password.

It lets nobody sign in. It is shown to a half session, is valid for 15 minutes, and says nothing to
whoever guesses it.
"""

from __future__ import annotations

import secrets

from twostep.core import event
from twostep.core.refusal import Reason, Refused
from twostep.core.session import Session
from twostep.core.support_words import WORDS
from twostep.flows.env import Visitor
from twostep.store import accounts, audit, support_references
from twostep.store.support_references import SupportReference
from twostep.store.tx import Tx


VALID_SECONDS = 900
TRIES_FOR_A_FREE_ONE = 20


def show_reference(tx: Tx, visitor: Visitor, half: Session, *, now: int) -> SupportReference | None:
    """The session's reference, made when it has none that is still valid."""
    account = accounts.lock(tx, half.account_id)
    if account is None:
        return None
    own = support_references.load_of_session(tx, half.id)
    if own is not None and now < own.expires_at:
        return own
    for _ in range(TRIES_FOR_A_FREE_ONE):
        new = SupportReference(
            reference=f"{secrets.choice(WORDS)}-{secrets.randbelow(10_000):04}",
            account_id=account.id,
            session_id=half.id,
            network=visitor.network,
            browser=visitor.browser,
            created_at=now,
            expires_at=now + VALID_SECONDS,
        )
        if support_references.insert(tx, new, now=now):
            audit.append(
                tx,
                event.new_event(event.SUPPORT_REFERENCE_MADE),
                account_id=account.id,
                source=visitor.source,
                now=now,
            )
            return new
    return None


def find_reference(tx: Tx, typed: str, *, now: int) -> SupportReference | Refused:
    """What a caller's reference proves. Refused: NOT_FOUND (unknown or too old)."""
    found = support_references.load(tx, typed.strip().upper())
    if found is None or not found.created_at <= now < found.expires_at:
        return Refused(Reason.NOT_FOUND)
    return found
