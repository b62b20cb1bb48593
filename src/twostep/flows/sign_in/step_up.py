"""Step-up: prove again who is there before anything of weight is changed.

Two-step sign-in on: only a second factor counts, never the password. Off: the password. A form whose
ten minutes ran out while it was filled in is kept, sealed, and carried out afterwards; password forms
never are. Sources: ASVS 7.5.1, NIST SP 800-63B-4 §4.1.2.1; security: Sessions.
"""

from __future__ import annotations

from dataclasses import replace

from twostep.core.account import Account, Status
from twostep.core.audit import event
from twostep.core.methods.code_input import RecoveryCode as TypedBackupCode
from twostep.core.methods.code_input import SixDigits, TemporaryCode, read_code
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import password, session, throttle
from twostep.core.sign_in.session import Aal, Session
from twostep.flows.env import Env, Visitor
from twostep.flows.proof import wrong_tries as second_step_throttle
from twostep.flows.proof.password_tries import count_password_try, refuse_password_tries
from twostep.flows.proof.retired_password import refuse_retired, remind_of_retired
from twostep.flows.proof.verify_code import Passed
from twostep.flows.proof.verify_typed import TypedDigest, digest_typed, verify_typed
from twostep.flows.proof.wrong_tries import WrongTry
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.sign_in.raise_session import raise_and_tell
from twostep.flows.sign_in.sessions import is_current
from twostep.flows.turn import record
from twostep.store.account import accounts
from twostep.store.sign_in import sessions
from twostep.store.tx import Tx


async def submit_code(
    env: Env, visitor: Visitor, current: Session, *, old_token: str, typed: str, now: int
) -> SignedIn | Refused:
    """Confirm with a second factor; the session gets a new cookie value. Raises `Overloaded`.

    The help desk's code is none: it counts as a wrong backup code and stays as it is.
    """
    code = read_code(typed)
    if isinstance(code, Refused):
        return code
    digest = None
    if isinstance(code, TypedBackupCode):
        hashed = await digest_typed(env, visitor, current, code=code, now=now)
        if isinstance(hashed, Refused):
            return hashed
        digest = hashed

    def finish(tx: Tx) -> SignedIn | Refused:
        account = accounts.lock(tx, current.account_id)
        if account is None or account.status is Status.DISABLED or not account.two_step:
            return Refused(Reason.CHANGED)
        if not is_current(tx, current, old_token):
            return Refused(Reason.STEP_ENDED)
        passed = _verify(tx, env, account, current, visitor, code=code, digest=digest, now=now)
        if isinstance(passed, Refused):
            if passed.reason is Reason.PASSWORD_RETIRED:
                sessions.remove(tx, current.id, account_id=account.id)
            return passed
        risen = replace(
            current,
            aal=Aal.AAL2,
            amr=session.merge_amr(current.amr, passed.amr),
            second_factor_at=now,
            seen_at=now,
        )
        return raise_and_tell(
            tx, account, visitor, risen, old_token=old_token, by=passed.method, now=now
        )

    return await env.store.run(finish)


def _verify(
    tx: Tx,
    env: Env,
    account: Account,
    current: Session,
    visitor: Visitor,
    *,
    code: SixDigits | TypedBackupCode | TemporaryCode,
    digest: TypedDigest | None,
    now: int,
) -> Passed | Refused:
    purpose = Purpose.STEP_UP
    if not isinstance(code, TemporaryCode):
        return verify_typed(
            tx, env, account, current, visitor, code=code, digest=digest, purpose=purpose, now=now
        )
    rule = throttle.RECOVERY_CODE
    if waiting := second_step_throttle.refuse_session(tx, current, visitor, rule=rule, now=now):
        return waiting
    reason, browser_id = Reason.BACKUP_CODE_WRONG, current.browser_id
    wrong = WrongTry(rule, reason, chances=0, purpose=str(purpose), browser_id=browser_id)
    return second_step_throttle.count_wrong(tx, env, account, visitor, wrong=wrong, now=now)


async def submit_password(
    env: Env, visitor: Visitor, current: Session, *, old_token: str, typed: str, now: int
) -> SignedIn | Refused:
    """Confirm with the password, where two-step sign-in is off. Raises `Overloaded`.

    Refused: a retired password too (PASSWORD_RETIRED): whoever stole it could type it as well.
    """
    account = await env.store.read(accounts.load, current.account_id)
    if account is None or account.two_step or account.password_hash is None:
        return Refused(Reason.CHANGED)
    if refused := await env.store.read(refuse_password_tries, current, now=now):
        return refused
    verdict = await env.hashes.run_known(
        password.verify_hash, account.password_hash, typed, profile=env.profile
    )
    version = account.password_version

    def finish(tx: Tx) -> SignedIn | Refused:
        locked = accounts.lock(tx, current.account_id)
        if locked is None or locked.password_version != version or locked.two_step:
            return Refused(Reason.CHANGED)
        if not is_current(tx, current, old_token):
            return Refused(Reason.STEP_ENDED)
        if refused := count_password_try(tx, locked, visitor, current, right=verdict.ok, now=now):
            return refused
        if locked.status is Status.RETIRED:
            return _refuse_retired(tx, env, locked, visitor, now=now)
        risen = replace(current, password_at=now, seen_at=now)
        return raise_and_tell(
            tx, locked, visitor, risen, old_token=old_token, by="password", now=now
        )

    return await env.store.run(finish)


def _refuse_retired(tx: Tx, env: Env, account: Account, visitor: Visitor, *, now: int) -> Refused:
    """The right but retired password: written down, and the link for a new one is sent again."""
    retired = refuse_retired(account)
    told = event.new_event(event.PASSWORD_REFUSED, event.Outcome.REFUSED, reason=retired.reason)
    record(tx, account, visitor, told, now=now)
    remind_of_retired(tx, env, account, visitor, now=now)
    return retired
