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
from twostep.flows.methods.two_step import turn_on
from twostep.flows.proof import verify_passkey
from twostep.flows.proof.remembered_browsers import forget_browsers
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.sign_in.raise_session import raise_enrolled
from twostep.flows.sign_in.sessions import is_current
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.methods import passkeys


@dataclass(frozen=True, slots=True)
class PasskeyAdded:
    """The passkey works. `turned_on`: two-step sign-in was off before."""

    passkey: Passkey
    signed_in: SignedIn
    turned_on: bool


def refuse_adding(turn: Turn, account_id: str) -> Refused | None:
    """Whether no more passkeys fit."""
    if len(passkeys.list_passkeys(turn.tx, account_id)) < MOST_PASSKEYS:
        return None
    return Refused(Reason.PASSKEY_LIMIT, detail={"maximum": MOST_PASSKEYS})


def begin_passkey(turn: Turn, account: Account, current: Session) -> dict[str, object] | Refused:
    """What to ask the browser for. Refused: PASSKEY_LIMIT. Writes the account's handle, once."""
    if no := refuse_adding(turn, account.id):
        return no
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
    """Verify what the authenticator made and keep it.

    Refused: STEP_ENDED, THROTTLED, PASSKEY_LIMIT, NAME_TOO_LONG, PASSKEY_REFUSED (also when the
    credential id is taken, by whichever account).
    """
    account = accounts.lock(turn.tx, current.account_id)
    if account is None or not is_current(turn, current, turn.visitor.session_token):
        return Refused(Reason.STEP_ENDED)
    if waiting := verify_passkey.refuse_waiting(turn):
        return waiting
    if no := refuse_adding(turn, account.id):
        return no
    if len(name.strip()) > LONGEST_NAME:
        return Refused(Reason.NAME_TOO_LONG, detail={"maximum": LONGEST_NAME})
    answer = passkey_core.read_answer(typed)
    made: Passkey | Refused = (
        answer
        if isinstance(answer, Refused)
        else _keep(turn, current, answer=answer, name=name.strip())
    )
    if isinstance(made, Refused):
        ceremony = Ceremony.ENROLMENT
        return verify_passkey.refuse(turn, account, made, ceremony=ceremony)
    return _add(turn, account, current, made=made)


def _context(current: Session) -> str:
    return context_of(Ceremony.ENROLMENT, account_id=current.account_id, session_id=current.id)


def _keep(turn: Turn, current: Session, *, answer: PasskeyAnswer, name: str) -> Passkey | Refused:
    """Verify and insert."""
    from twostep.core.methods.passkey_response import verify_registration  # noqa: PLC0415  see `warm_up`

    if not verify_challenge(
        turn.env.keyring, answer.challenge, context=_context(current), now=turn.now
    ):
        return passkey_core.refused("challenge")
    verified = verify_registration(
        answer,
        expected_challenge=answer.challenge,
        expected_party=verify_passkey.relying_party(turn.env),
    )
    if isinstance(verified, Refused):
        return verified
    made = Passkey(
        id=token.new_id(),
        account_id=current.account_id,
        name=name or suggest_name(verified.model, turn.visitor.browser)[:LONGEST_NAME],
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
    )
    if not verify_passkey.burn_challenge(turn, answer.challenge):
        return passkey_core.refused("challenge_used")
    return made if passkeys.insert(turn.tx, made) else passkey_core.refused("taken")


def _add(turn: Turn, account: Held, current: Session, *, made: Passkey) -> PasskeyAdded:
    method = method_name(MethodKind.PASSKEY, made.id)
    added = event.new_event(
        event.PASSKEY_ADDED,
        method=method,
        name=made.name,
        model=made.model,
        synced=int(made.synced),
    )
    turn.record(account, added)
    forget_browsers(turn, account)
    turned_on = not account.two_step
    if turned_on:
        turn_on(turn, account)
    kind = NoticeKind.TWO_STEP_ENABLED if turned_on else NoticeKind.PASSKEY_ADDED
    turn.notify(account, kind, undo=method, method=made.name)
    amr = session.amr_of_passkey(synced=made.synced, alone=False)
    signed_in = raise_enrolled(turn, account, current, amr=amr, method=method)
    return PasskeyAdded(made, signed_in, turned_on)
