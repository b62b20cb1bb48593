"""The support reference: proves to the help desk that the caller knows the password.

It lets nobody sign in. It is shown to a half session, is valid for 15 minutes, and is useless to
anyone who guesses it. Sent to the help desk by mail, it is valid for a day, so that a request of the
night is still worth something in the morning; one at a time, and a new password ends it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from twostep.core.audit import event
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import Session
from twostep.core.support_words import WORDS
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.account.accounts import AccountView, view_account
from twostep.flows.limits import count_all
from twostep.flows.turn import Done, Turn
from twostep.store.account import accounts
from twostep.store.recovery import support_references
from twostep.store.recovery.support_references import SupportReference


VALID_SECONDS = 900
REQUEST_SECONDS = 86_400  # once the help desk was asked by mail
ATTEMPTS = 20


def show_reference(turn: Turn, half: Session) -> SupportReference | None:
    """The session's reference; a new one unless it has a valid one."""
    account = accounts.lock(turn.tx, half.account_id)
    if account is None:
        return None
    newest = support_references.load_newest(turn.tx, account.id)
    of_session = support_references.load_of_session(turn.tx, half.id)
    for existing in (newest if newest and was_sent(newest) else None, of_session):
        if existing is not None and turn.now < existing.expires_at:
            return existing
    for _ in range(ATTEMPTS):
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


def was_sent(reference: SupportReference) -> bool:
    """Whether the help desk was asked by mail with it."""
    return reference.expires_at - reference.created_at > VALID_SECONDS


def send_request(turn: Turn, half: Session) -> Done | Refused:
    """Mail the session's reference to the help desk; it is then valid for a day. The owner is notified.

    A second time changes nothing while the first is valid. Refused: NOT_FOUND (no help desk has an
    address), STEP_ENDED, SEND_LIMIT.
    """
    address = turn.env.settings.support_email
    reference = show_reference(turn, half)
    account = accounts.lock(turn.tx, half.account_id)
    if account is None or reference is None or not address:
        return Refused(Reason.NOT_FOUND)
    if account.password_version != half.password_version:
        return Refused(Reason.STEP_ENDED)
    if was_sent(reference):
        return Done()
    rule = throttle.HELP_REQUEST
    if refused := count_all(turn.tx, [(f"{rule.name}:{account.id}", rule)], now=turn.now):
        return refused
    until = turn.now + REQUEST_SECONDS
    support_references.extend(turn.tx, reference.reference, until=until)
    turn.record(account, event.new_event(event.HELP_REQUESTED))
    turn.notify(
        account,
        NoticeKind.HELP_REQUEST,
        to=(address,),
        method=reference.reference,
        until_at=until,
    )
    turn.notify(account, NoticeKind.HELP_REQUESTED, until_at=until)
    return Done()


@dataclass(frozen=True, slots=True)
class Caller:
    """The account a reference belongs to, and where it was requested from."""

    view: AccountView
    proved_at: int
    expires_at: int
    network: str
    browser: str


def view_caller(turn: Turn, typed: str) -> Caller | Refused:
    """The account and origin of a reference. Refused: NOT_FOUND (unknown or expired)."""
    reference = find_reference(turn, typed)
    if isinstance(reference, Refused):
        return reference
    account = accounts.load(turn.tx, reference.account_id)
    view = view_account(turn, account.name) if account else Refused(Reason.NOT_FOUND)
    if isinstance(view, Refused):
        return view
    return Caller(
        view, reference.created_at, reference.expires_at, reference.network, reference.browser
    )


def find_reference(turn: Turn, typed: str) -> SupportReference | Refused:
    """Look up a typed reference. Refused: NOT_FOUND (unknown or expired)."""
    reference = support_references.load(turn.tx, typed.strip().upper())
    if reference is None or not reference.created_at <= turn.now < reference.expires_at:
        return Refused(Reason.NOT_FOUND)
    return reference
