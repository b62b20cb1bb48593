"""The support reference: proves to the help desk that the caller knows the password.

It lets nobody sign in. It is shown to a half session, is valid for 15 minutes, and says nothing to
whoever guesses it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from twostep.core.audit import event
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Session
from twostep.core.support_words import WORDS
from twostep.flows.account.accounts import AccountView, view_account
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.recovery import support_references
from twostep.store.recovery.support_references import SupportReference


VALID_SECONDS = 900
TRIES_FOR_A_FREE_ONE = 20


def show_reference(turn: Turn, half: Session) -> SupportReference | None:
    """The session's reference, made when it has none that is still valid."""
    account = accounts.lock(turn.tx, half.account_id)
    if account is None:
        return None
    own = support_references.load_of_session(turn.tx, half.id)
    if own is not None and turn.now < own.expires_at:
        return own
    for _ in range(TRIES_FOR_A_FREE_ONE):
        new = SupportReference(
            reference=f"{secrets.choice(WORDS)}-{secrets.randbelow(10_000):04}",
            account_id=account.id,
            session_id=half.id,
            network=turn.visitor.network,
            browser=turn.visitor.browser,
            created_at=turn.now,
            expires_at=turn.now + VALID_SECONDS,
        )
        if support_references.insert(turn.tx, new, now=turn.now):
            turn.record(account, event.new_event(event.SUPPORT_REFERENCE_MADE))
            return new
    return None


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose account a reference belongs to, and from where it was asked for."""

    view: AccountView
    proved_at: int
    expires_at: int
    network: str
    browser: str


def view_caller(turn: Turn, typed: str) -> Caller | Refused:
    """Whom a caller's reference speaks for. Refused: NOT_FOUND (unknown or too old)."""
    found = find_reference(turn, typed)
    if isinstance(found, Refused):
        return found
    account = accounts.load(turn.tx, found.account_id)
    view = view_account(turn, account.name) if account else Refused(Reason.NOT_FOUND)
    if isinstance(view, Refused):
        return view
    return Caller(view, found.created_at, found.expires_at, found.network, found.browser)


def find_reference(turn: Turn, typed: str) -> SupportReference | Refused:
    """What a caller's reference proves. Refused: NOT_FOUND (unknown or too old)."""
    found = support_references.load(turn.tx, typed.strip().upper())
    if found is None or not found.created_at <= turn.now < found.expires_at:
        return Refused(Reason.NOT_FOUND)
    return found
