"""Add a passkey. The first one turns two-step sign-in on, as the first app does.

The new passkey was just used, so it is this session's fresh second factor.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import token
from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.methods import passkey as passkey_core
from twostep.core.methods.authenticator import (
    LONGEST_NAME,
    MOST_PASSKEYS,
    MethodKind,
    Passkey,
    method_name,
)
from twostep.core.methods.passkey import PasskeyAnswer
from twostep.core.methods.passkey_challenge import (
    Ceremony,
    context_of,
    new_challenge,
    verify_challenge,
)
from twostep.core.methods.passkey_models import suggest_name
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import session
from twostep.core.sign_in.session import Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.methods.first_setup import refuse_unconfirmed
from twostep.flows.methods.two_step import turn_on
from twostep.flows.proof import verify_passkey
from twostep.flows.proof.remembered_browsers import forget_browsers
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.sign_in.raise_session import raise_enrolled
from twostep.flows.sign_in.sessions import is_current
from twostep.flows.turn import Turn
from twostep.names import browser_name
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.methods import passkeys


@dataclass(frozen=True, slots=True)
class PasskeyAdded:
    """The passkey was added. `turned_on`: this turned two-step sign-in on."""

    passkey: Passkey
    signed_in: SignedIn
    turned_on: bool


def refuse_adding(turn: Turn, account: Account, current: Session) -> Refused | None:
    """Refuse if the account has as many passkeys as allowed, or its first set-up is unconfirmed."""
    if refused := refuse_unconfirmed(turn, account, current):
        return refused
    if len(passkeys.list_passkeys(turn.tx, account.id)) < MOST_PASSKEYS:
        return None
    return Refused(Reason.PASSKEY_LIMIT, detail={"maximum": MOST_PASSKEYS})


def begin_passkey(turn: Turn, account: Account, current: Session) -> dict[str, object] | Refused:
    """Creation options for the browser; stores the account's handle once. Refused: PASSKEY_LIMIT."""
    if refused := refuse_adding(turn, account, current):
        return refused
    return passkey_core.creation_options(
        verify_passkey.relying_party(turn.env),
        challenge=new_challenge(turn.env.keyring, context=_context(current), now=turn.now),
        handle=verify_passkey.load_handle(turn, account.id),
        user_name=account.name,
        existing=passkeys.list_passkeys(turn.tx, account.id),
    )


def finish_passkey(
    turn: Turn, current: Session, *, typed: str, name: str
) -> PasskeyAdded | Refused:
    """Verify the new credential and store it.

    Refused: STEP_ENDED, THROTTLED, PASSKEY_LIMIT, NAME_TOO_LONG, PASSKEY_REFUSED (also when the
    credential id is already registered, to any account).
    """
    account = accounts.lock(turn.tx, current.account_id)
    if account is None or not is_current(turn, current, turn.visitor.session_token):
        return Refused(Reason.STEP_ENDED)
    if waiting := verify_passkey.refuse_waiting(turn):
        return waiting
    if refused := refuse_adding(turn, account, current):
        return refused
    if len(name.strip()) > LONGEST_NAME:
        return Refused(Reason.NAME_TOO_LONG, detail={"maximum": LONGEST_NAME})
    answer = passkey_core.read_answer(typed)
    added: Passkey | Refused = (
        answer
        if isinstance(answer, Refused)
        else _register(turn, current, answer=answer, name=name.strip())
    )
    if isinstance(added, Refused):
        ceremony = Ceremony.ENROLMENT
        return verify_passkey.refuse(turn, account, added, ceremony=ceremony)
    return _add(turn, account, current, passkey=added)


def _context(current: Session) -> str:
    return context_of(Ceremony.ENROLMENT, account_id=current.account_id, session_id=current.id)


def _register(
    turn: Turn, current: Session, *, answer: PasskeyAnswer, name: str
) -> Passkey | Refused:
    """Verify the registration and insert the passkey."""
    from twostep.core.methods.passkey_response import verify_registration  # noqa: PLC0415  see `warm_up`

    if not verify_challenge(
        turn.env.keyring, answer.challenge, context=_context(current), now=turn.now
    ):
        return passkey_core.refused("challenge")
    party = verify_passkey.relying_party(turn.env)
    verified = verify_registration(
        answer, expected_challenge=answer.challenge, expected_party=party
    )
    if isinstance(verified, Refused):
        return verified
    browser = browser_name(turn.visitor.browser, turn.visitor.language)
    passkey = Passkey(
        id=token.new_id(),
        account_id=current.account_id,
        name=name or suggest_name(verified.model, browser)[:LONGEST_NAME],
        credential_id=verified.credential_id,
        public_key=verified.public_key,
        sign_count=verified.sign_count,
        model=verified.model,
        transports=answer.transports,
        synced=verified.synced,
        backed_up=verified.backed_up,
        created_at=turn.now,
        last_used_at=turn.now,
        last_used_browser=turn.visitor.browser,
        rp_id=party.id,
    )
    if not verify_passkey.burn_challenge(turn, answer.challenge):
        return passkey_core.refused("challenge_used")
    return passkey if passkeys.insert(turn.tx, passkey) else passkey_core.refused("taken")


def _add(turn: Turn, account: Held, current: Session, *, passkey: Passkey) -> PasskeyAdded:
    method = method_name(MethodKind.PASSKEY, passkey.id)
    added = event.new_event(
        event.PASSKEY_ADDED,
        method=method,
        name=passkey.name,
        model=passkey.model,
        synced=int(passkey.synced),
    )
    turn.record(account, added)
    forget_browsers(turn, account)
    turned_on = not account.two_step
    if turned_on:
        turn_on(turn, account, current)
    kind = NoticeKind.TWO_STEP_ENABLED if turned_on else NoticeKind.PASSKEY_ADDED
    turn.notify(account, kind, undo=method, method=passkey.name)
    amr = session.amr_of_passkey(synced=passkey.synced, alone=False)
    signed_in = raise_enrolled(turn, account, current, amr=amr, method=method)
    return PasskeyAdded(passkey, signed_in, turned_on)
