"""Use a passkey: browser options, as second step, alone, and for step-up."""

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
from twostep.flows.env import Env
from twostep.flows.proof import verify_passkey
from twostep.flows.sign_in.complete import Proof, SignedIn, complete_sign_in, complete_step
from twostep.flows.sign_in.raise_session import raise_proved
from twostep.flows.sign_in.second_step import is_open_step
from twostep.flows.sign_in.sessions import end_earlier, find_earlier, is_current, lock_with
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.methods import passkeys
from twostep.store.sign_in import sessions


def options_alone(env: Env, *, now: int) -> dict[str, object]:
    """Request options for a browser with no session yet. Writes nothing."""
    challenge = new_challenge(env.keyring, context=context_of(Ceremony.ALONE), now=now)
    return passkey.request_options(
        verify_passkey.relying_party(env), challenge=challenge, allowed=(), alone=True
    )


def view_options(turn: Turn, current: Session) -> dict[str, object]:
    """Request options for a session's second step or step-up. Only reads."""
    ceremony = Ceremony.SECOND_STEP if current.level is Level.HALF else Ceremony.STEP_UP
    context = context_of(ceremony, account_id=current.account_id, session_id=current.id)
    return passkey.request_options(
        verify_passkey.relying_party(turn.env),
        challenge=new_challenge(turn.env.keyring, context=context, now=turn.now),
        allowed=passkeys.list_passkeys(turn.tx, current.account_id),
        alone=False,
    )


def view_accepted_passkeys(turn: Turn, account_id: str) -> tuple[bytes | None, tuple[Passkey, ...]]:
    """What to signal to password managers: the handle (None if never made) and the passkeys."""
    handle = passkeys.load_handle(turn.tx, account_id)
    return handle, passkeys.list_passkeys(turn.tx, account_id) if handle else ()


def submit_second_step(
    turn: Turn, current: Session, *, typed: str, wants_remembering: bool
) -> SignedIn | Refused:
    """Answer the second step with a passkey.

    Refused: STEP_ENDED, THROTTLED (this network's refused passkeys), PASSKEY_REFUSED.
    """
    account = accounts.lock(turn.tx, current.account_id)
    half = sessions.load_current(
        turn.tx, current.id, digest=token.digest(turn.visitor.session_token)
    )
    if not account or not half or not is_open_step(half, account, env=turn.env, now=turn.now):
        return Refused(Reason.STEP_ENDED)
    used = _use(turn, account, typed=typed, ceremony=Ceremony.SECOND_STEP, current=half)
    if isinstance(used, Refused):
        return used
    return complete_step(
        turn,
        account,
        half=half,
        amr=used.amr,
        method=used.method,
        remembers_after=MethodKind.PASSKEY if wants_remembering else None,
    )


def sign_in_alone(turn: Turn, *, typed: str, next_path: str) -> SignedIn | Refused:
    """Sign in with only a passkey: it verifies its user, so it counts as two factors.

    Works with a retired password too, since no password is used. Refused: THROTTLED,
    PASSKEY_REFUSED.
    """
    if waiting := verify_passkey.refuse_waiting(turn):
        return waiting
    ceremony = Ceremony.ALONE
    answer = passkey.read_answer(typed)
    if isinstance(answer, Refused):
        return verify_passkey.refuse(turn, None, answer, ceremony=ceremony)
    credential = passkeys.load_by_credential(turn.tx, answer.credential_id)
    earlier = find_earlier(turn) if credential else None
    account = lock_with(turn, credential.account_id, earlier) if credential else None
    if account is None or not _may_enter(account):
        refused = passkey.refused("unknown" if account is None else "account")
        return verify_passkey.refuse(turn, account, refused, ceremony=ceremony)
    used = verify_passkey.use_passkey(
        turn, account, answer=answer, ceremony=ceremony, session_id=""
    )
    if isinstance(used, Refused):
        return used
    end_earlier(turn, earlier)
    return complete_sign_in(
        turn,
        account,
        half=None,
        proof=Proof(used.amr, Aal.AAL2, used.method),
        next_path=next_path,
    )


def submit_step_up(turn: Turn, current: Session, *, typed: str) -> SignedIn | Refused:
    """Confirm with a passkey; the session gets a new cookie value.

    Refused: CHANGED, STEP_ENDED, THROTTLED, PASSKEY_REFUSED.
    """
    account = accounts.lock(turn.tx, current.account_id)
    if account is None or account.status is Status.DISABLED or not account.two_step:
        return Refused(Reason.CHANGED)
    if not is_current(turn, current, turn.visitor.session_token):
        return Refused(Reason.STEP_ENDED)
    used = _use(turn, account, typed=typed, ceremony=Ceremony.STEP_UP, current=current)
    if isinstance(used, Refused):
        return used
    raised = replace(
        current,
        aal=Aal.AAL2,
        amr=session.merge_amr(current.amr, used.amr),
        second_factor_at=turn.now,
        seen_at=turn.now,
    )
    return raise_proved(turn, account, raised, by=used.method)


def _may_enter(account: Account) -> bool:
    return account.status is not Status.DISABLED and account.two_step


def _use(
    turn: Turn, account: Held, *, typed: str, ceremony: Ceremony, current: Session
) -> verify_passkey.PasskeyUsed | Refused:
    if waiting := verify_passkey.refuse_waiting(turn):
        return waiting
    answer = passkey.read_answer(typed)
    if isinstance(answer, Refused):
        return verify_passkey.refuse(turn, account, answer, ceremony=ceremony)
    return verify_passkey.use_passkey(
        turn, account, answer=answer, ceremony=ceremony, session_id=current.id
    )
