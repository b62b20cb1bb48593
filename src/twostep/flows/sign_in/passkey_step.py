"""Passkeys in use: options for the browser, the second step, the passkey alone, and step-up."""

from __future__ import annotations

from dataclasses import replace

from twostep.core import token
from twostep.core.account import Account, Status
from twostep.core.methods import passkey
from twostep.core.methods.authenticator import MethodKind, Passkey
from twostep.core.methods.passkey_challenge import Ceremony, context_of, new_challenge
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import session
from twostep.core.sign_in.session import Aal, Level, Session
from twostep.flows.env import Env, Visitor
from twostep.flows.proof import verify_passkey
from twostep.flows.sign_in.complete import SignedIn, complete_sign_in, complete_step
from twostep.flows.sign_in.raise_session import raise_and_tell
from twostep.flows.sign_in.second_step import is_open_step
from twostep.flows.sign_in.sessions import end_earlier, find_earlier, is_current, lock_with
from twostep.store.account import accounts
from twostep.store.methods import passkeys
from twostep.store.sign_in import sessions
from twostep.store.tx import Tx


def options_alone(env: Env, *, now: int) -> dict[str, object]:
    """What to ask a browser for where nobody is known yet. Writes nothing."""
    challenge = new_challenge(env.keyring, context=context_of(Ceremony.ALONE), now=now)
    return passkey.request_options(
        verify_passkey.relying_party(env), challenge=challenge, allowed=(), alone=True
    )


def view_options(tx: Tx, env: Env, current: Session, *, now: int) -> dict[str, object]:
    """What to ask the browser of a session for: second step or step-up. Only reads."""
    ceremony = Ceremony.SECOND_STEP if current.level is Level.HALF else Ceremony.STEP_UP
    context = context_of(ceremony, account_id=current.account_id, session_id=current.id)
    return passkey.request_options(
        verify_passkey.relying_party(env),
        challenge=new_challenge(env.keyring, context=context, now=now),
        allowed=passkeys.list_passkeys(tx, current.account_id),
        alone=False,
    )


def view_told(tx: Tx, account_id: str) -> tuple[bytes | None, tuple[Passkey, ...]]:
    """What password managers are told of: the handle (None: never needed yet) and the passkeys."""
    handle = passkeys.load_handle(tx, account_id)
    return handle, passkeys.list_passkeys(tx, account_id) if handle else ()


def submit_second_step(
    tx: Tx,
    env: Env,
    visitor: Visitor,
    current: Session,
    *,
    old_token: str,
    typed: str,
    wants_remembering: bool,
    now: int,
) -> SignedIn | Refused:
    """Answer the second step with a passkey.

    Refused: STEP_ENDED, THROTTLED (this network's refused passkeys), PASSKEY_REFUSED.
    """
    account = accounts.lock(tx, current.account_id)
    half = sessions.load_current(tx, current.id, digest=token.digest(old_token))
    if not account or not half or not is_open_step(half, account, env=env, now=now):
        return Refused(Reason.STEP_ENDED)
    used = _use(
        tx, env, account, visitor, typed=typed, ceremony=Ceremony.SECOND_STEP, current=half, now=now
    )
    if isinstance(used, Refused):
        return used
    return complete_step(
        tx,
        env,
        account,
        visitor,
        half=half,
        old_token=old_token,
        amr=used.amr,
        method=used.method,
        remembers_after=MethodKind.PASSKEY if wants_remembering else None,
        now=now,
    )


def sign_in_alone(
    tx: Tx, env: Env, visitor: Visitor, *, old_token: str, typed: str, next_path: str, now: int
) -> SignedIn | Refused:
    """Sign in with nothing but a passkey: its owner is verified by it, so it counts as two.

    A retired password is no obstacle: it is not what is shown. Refused: THROTTLED, PASSKEY_REFUSED.
    """
    if waiting := verify_passkey.refuse_waiting(tx, visitor, now=now):
        return waiting
    ceremony = Ceremony.ALONE
    answer = passkey.read_answer(typed)
    if isinstance(answer, Refused):
        return verify_passkey.refuse(tx, None, visitor, answer, ceremony=ceremony, now=now)
    found = passkeys.load_by_credential(tx, answer.credential_id)
    earlier = find_earlier(tx, old_token) if found else None
    account = lock_with(tx, found.account_id, earlier) if found else None
    if account is None or not _may_enter(account):
        no = passkey.refused("unknown" if account is None else "account")
        return verify_passkey.refuse(tx, account, visitor, no, ceremony=ceremony, now=now)
    used = verify_passkey.use_passkey(
        tx, env, account, visitor, answer=answer, ceremony=ceremony, session_id="", now=now
    )
    if isinstance(used, Refused):
        return used
    end_earlier(tx, env, visitor, earlier, now=now)
    return complete_sign_in(
        tx,
        env,
        account,
        visitor,
        half=None,
        old_token="",
        amr=used.amr,
        aal=Aal.AAL2,
        method=used.method,
        next_path=next_path,
        now=now,
    )


def submit_step_up(
    tx: Tx, env: Env, visitor: Visitor, current: Session, *, old_token: str, typed: str, now: int
) -> SignedIn | Refused:
    """Confirm with a passkey; the session gets a new cookie value.

    Refused: CHANGED, STEP_ENDED, THROTTLED, PASSKEY_REFUSED.
    """
    account = accounts.lock(tx, current.account_id)
    if account is None or account.status is Status.DISABLED or not account.two_step:
        return Refused(Reason.CHANGED)
    if not is_current(tx, current, old_token):
        return Refused(Reason.STEP_ENDED)
    used = _use(
        tx, env, account, visitor, typed=typed, ceremony=Ceremony.STEP_UP, current=current, now=now
    )
    if isinstance(used, Refused):
        return used
    risen = replace(
        current,
        aal=Aal.AAL2,
        amr=session.merge_amr(current.amr, used.amr),
        second_factor_at=now,
        seen_at=now,
    )
    return raise_and_tell(tx, account, visitor, risen, old_token=old_token, by=used.method, now=now)


def _may_enter(account: Account) -> bool:
    return account.status is not Status.DISABLED and account.two_step


def _use(
    tx: Tx,
    env: Env,
    account: Account,
    visitor: Visitor,
    *,
    typed: str,
    ceremony: Ceremony,
    current: Session,
    now: int,
) -> verify_passkey.PasskeyUsed | Refused:
    if waiting := verify_passkey.refuse_waiting(tx, visitor, now=now):
        return waiting
    answer = passkey.read_answer(typed)
    if isinstance(answer, Refused):
        return verify_passkey.refuse(tx, account, visitor, answer, ceremony=ceremony, now=now)
    return verify_passkey.use_passkey(
        tx,
        env,
        account,
        visitor,
        answer=answer,
        ceremony=ceremony,
        session_id=current.id,
        now=now,
    )
