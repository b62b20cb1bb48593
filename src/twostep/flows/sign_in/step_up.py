"""Step-up: prove identity again before a sensitive change.

With two-step sign-in on, only a second factor counts, never the password; with it off, the password
does. A form whose ten minutes ran out while it was being filled in is kept, sealed, and carried out
afterwards; password forms never are. Sources: ASVS 7.5.1, NIST SP 800-63B-4 §4.1.2.1; security: Sessions.
"""

from __future__ import annotations

from dataclasses import replace

from twostep.core.account import Status
from twostep.core.audit import event
from twostep.core.methods.code_input import (
    SixDigits,
    TypedBackupCode,
    TypedTemporaryCode,
    read_code,
)
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import password, session, throttle
from twostep.core.sign_in.session import Aal, Session
from twostep.flows.proof import wrong_tries
from twostep.flows.proof.password_tries import count_password_try, refuse_password_tries
from twostep.flows.proof.retired_password import refuse_retired, remind_of_retired
from twostep.flows.proof.verify_code import Passed
from twostep.flows.proof.verify_typed import TypedDigest, digest_typed, verify_typed
from twostep.flows.proof.wrong_tries import WrongTry
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.sign_in.raise_session import raise_proved
from twostep.flows.sign_in.sessions import is_current
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.sign_in import sessions


async def submit_code(opener: TurnOpener, current: Session, *, typed: str) -> SignedIn | Refused:
    """Confirm with a second factor; the session gets a new cookie value. Raises `Overloaded`.

    The help desk's temporary code is not accepted: it counts as a wrong backup code, unconsumed.
    """
    code = read_code(typed)
    if isinstance(code, Refused):
        return code
    digest = None
    if isinstance(code, TypedBackupCode):
        hashed = await digest_typed(opener, current, code=code)
        if isinstance(hashed, Refused):
            return hashed
        digest = hashed

    def finish(turn: Turn) -> SignedIn | Refused:
        account = accounts.lock(turn.tx, current.account_id)
        if account is None or account.status is Status.DISABLED or not account.two_step:
            return Refused(Reason.CHANGED)
        if not is_current(turn, current, turn.visitor.session_token):
            return Refused(Reason.STEP_ENDED)
        passed = _verify(turn, account, current, code=code, digest=digest)
        if isinstance(passed, Refused):
            if passed.reason is Reason.PASSWORD_RETIRED:
                sessions.remove(turn.tx, current.id, account_id=account.id)
            return passed
        raised = replace(
            current,
            aal=Aal.AAL2,
            amr=session.merge_amr(current.amr, passed.amr),
            second_factor_at=turn.now,
            seen_at=turn.now,
        )
        return raise_proved(turn, account, raised, by=passed.method)

    return await opener.run(finish)


def _verify(
    turn: Turn,
    account: Held,
    current: Session,
    *,
    code: SixDigits | TypedBackupCode | TypedTemporaryCode,
    digest: TypedDigest | None,
) -> Passed | Refused:
    purpose = Purpose.STEP_UP
    if not isinstance(code, TypedTemporaryCode):
        return verify_typed(turn, account, current, code=code, digest=digest, purpose=purpose)
    rule = throttle.RECOVERY_CODE
    if waiting := wrong_tries.refuse(turn, account, rule=rule, browser_id=current.browser_id):
        return waiting
    reason, browser_id = Reason.BACKUP_CODE_WRONG, current.browser_id
    wrong_try = WrongTry(rule, reason, chances=0, purpose=str(purpose), browser_id=browser_id)
    return wrong_tries.count_wrong(turn, account, wrong_try=wrong_try)


async def submit_password(
    opener: TurnOpener, current: Session, *, typed: str
) -> SignedIn | Refused:
    """Confirm with the password, if two-step sign-in is off. Raises `Overloaded`.

    Refuses a retired password too (PASSWORD_RETIRED): the thief may know it.
    """
    account = await opener.env.store.read(accounts.load, current.account_id)
    if account is None or account.two_step or account.password_hash is None:
        return Refused(Reason.CHANGED)
    if refused := await opener.read(refuse_password_tries, current):
        return refused
    verdict = await opener.env.hashes.run_known(
        account.id, password.verify_hash, account.password_hash, typed, profile=opener.env.profile
    )
    version = account.password_version

    def finish(turn: Turn) -> SignedIn | Refused:
        locked = accounts.lock(turn.tx, current.account_id)
        if locked is None or locked.password_version != version or locked.two_step:
            return Refused(Reason.CHANGED)
        if not is_current(turn, current, turn.visitor.session_token):
            return Refused(Reason.STEP_ENDED)
        if refused := count_password_try(turn, locked, current, right=verdict.ok):
            return refused
        if locked.status is Status.RETIRED:
            return _refuse_retired(turn, locked)
        raised = replace(current, password_at=turn.now, seen_at=turn.now)
        return raise_proved(turn, locked, raised, by="password")

    return await opener.run(finish)


def _refuse_retired(turn: Turn, account: Held) -> Refused:
    """Refuse the right but retired password, record it, and send the reset link again."""
    retired = refuse_retired(account)
    turn.record(
        account,
        event.new_event(event.PASSWORD_REFUSED, event.Outcome.REFUSED, reason=retired.reason),
    )
    remind_of_retired(turn, account)
    return retired
