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
from twostep.core.methods.passkey import Answer
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
from twostep.flows.env import Env, Visitor
from twostep.flows.messages.notify import notify
from twostep.flows.methods.two_step import turn_on
from twostep.flows.proof import verify_passkey
from twostep.flows.proof.remembered_browsers import forget_browsers
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.sign_in.raise_session import raise_enrolled
from twostep.flows.sign_in.sessions import is_current
from twostep.flows.turn import record
from twostep.store.account import accounts
from twostep.store.methods import passkeys
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class PasskeyAdded:
    """The passkey works. `turned_on`: two-step sign-in was off before."""

    passkey: Passkey
    signed_in: SignedIn
    turned_on: bool


def refuse_adding(tx: Tx, account_id: str) -> Refused | None:
    """Whether no more passkeys fit."""
    if len(passkeys.list_passkeys(tx, account_id)) < MOST_PASSKEYS:
        return None
    return Refused(Reason.PASSKEY_LIMIT, detail={"maximum": MOST_PASSKEYS})


def begin_passkey(
    tx: Tx, env: Env, account: Account, current: Session, *, now: int
) -> dict[str, object] | Refused:
    """What to ask the browser for. Refused: PASSKEY_LIMIT. Writes the account's handle, once."""
    if no := refuse_adding(tx, account.id):
        return no
    return passkey_core.creation_options(
        verify_passkey.relying_party(env),
        challenge=new_challenge(env.keyring, context=_context(current), now=now),
        handle=verify_passkey.load_handle(tx, account.id),
        user_name=account.name,
        existing=passkeys.list_passkeys(tx, account.id),
    )


def finish_passkey(
    tx: Tx,
    env: Env,
    visitor: Visitor,
    current: Session,
    *,
    old_token: str,
    typed: str,
    name: str,
    now: int,
) -> PasskeyAdded | Refused:
    """Verify what the authenticator made and keep it.

    Refused: STEP_ENDED, THROTTLED, PASSKEY_LIMIT, NAME_TOO_LONG, PASSKEY_REFUSED (also when the
    credential id is taken, by whichever account).
    """
    account = accounts.lock(tx, current.account_id)
    if account is None or not is_current(tx, current, old_token):
        return Refused(Reason.STEP_ENDED)
    if waiting := verify_passkey.refuse_waiting(tx, visitor, now=now):
        return waiting
    if no := refuse_adding(tx, account.id):
        return no
    if len(name.strip()) > LONGEST_NAME:
        return Refused(Reason.NAME_TOO_LONG, detail={"maximum": LONGEST_NAME})
    answer = passkey_core.read_answer(typed)
    made: Passkey | Refused = (
        answer
        if isinstance(answer, Refused)
        else _keep(tx, env, visitor, current, answer=answer, name=name.strip(), now=now)
    )
    if isinstance(made, Refused):
        ceremony = Ceremony.ENROLMENT
        return verify_passkey.refuse(tx, account, visitor, made, ceremony=ceremony, now=now)
    return _add(tx, env, account, visitor, current, made=made, old_token=old_token, now=now)


def _context(current: Session) -> str:
    return context_of(Ceremony.ENROLMENT, account_id=current.account_id, session_id=current.id)


def _keep(
    tx: Tx,
    env: Env,
    visitor: Visitor,
    current: Session,
    *,
    answer: Answer,
    name: str,
    now: int,
) -> Passkey | Refused:
    """Verify and insert."""
    from twostep.core.methods.passkey_response import verify_registration  # noqa: PLC0415  see `warm_up`

    if not verify_challenge(env.keyring, answer.challenge, context=_context(current), now=now):
        return passkey_core.refused("challenge")
    verified = verify_registration(
        answer,
        expected_challenge=answer.challenge,
        expected_party=verify_passkey.relying_party(env),
    )
    if isinstance(verified, Refused):
        return verified
    made = Passkey(
        id=token.new_id(),
        account_id=current.account_id,
        name=name or suggest_name(verified.model, visitor.browser)[:LONGEST_NAME],
        credential_id=verified.credential_id,
        public_key=verified.public_key,
        sign_count=verified.sign_count,
        model=verified.model,
        transports=answer.transports,
        synced=verified.synced,
        backed_up=verified.backed_up,
        created_at=now,
        last_used_at=now,
        last_used_browser=visitor.browser,
    )
    if not verify_passkey.burn_challenge(tx, answer.challenge, now=now):
        return passkey_core.refused("challenge_used")
    return made if passkeys.insert(tx, made) else passkey_core.refused("taken")


def _add(
    tx: Tx,
    env: Env,
    account: Account,
    visitor: Visitor,
    current: Session,
    *,
    made: Passkey,
    old_token: str,
    now: int,
) -> PasskeyAdded:
    method = method_name(MethodKind.PASSKEY, made.id)
    added = event.new_event(
        event.PASSKEY_ADDED,
        method=method,
        name=made.name,
        model=made.model,
        synced=int(made.synced),
    )
    record(tx, account, visitor, added, now=now)
    forget_browsers(tx, account, visitor.source, now=now)
    turned_on = not account.two_step
    if turned_on:
        turn_on(tx, account, visitor, now=now)
    kind = NoticeKind.TWO_STEP_ENABLED if turned_on else NoticeKind.PASSKEY_ADDED
    notify(tx, env, account, kind, visitor=visitor, now=now, undo=method, method=made.name)
    amr = session.amr_of_passkey(synced=made.synced, alone=False)
    signed_in = raise_enrolled(
        tx, env, account, visitor, current, amr=amr, method=method, old_token=old_token, now=now
    )
    return PasskeyAdded(made, signed_in, turned_on)
