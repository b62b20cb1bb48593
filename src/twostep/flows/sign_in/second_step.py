"""The second step of a sign-in: one box for every code."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import token
from twostep.core.account import Account, Status
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.methods import recovery_codes as codes_core
from twostep.core.methods.authenticator import Methods
from twostep.core.methods.code_input import RecoveryCode as TypedBackupCode
from twostep.core.methods.code_input import SixDigits, TemporaryCode, read_code
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import session as session_core
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import Level, Session
from twostep.flows.env import Env, Visitor
from twostep.flows.proof import wrong_tries as second_step_throttle
from twostep.flows.proof.verify_code import Passed
from twostep.flows.proof.verify_typed import TypedDigest, digest_typed, verify_typed
from twostep.flows.proof.wrong_tries import WrongTry
from twostep.flows.sign_in.complete import SignedIn, complete_step, open_session
from twostep.flows.turn import record
from twostep.store.account import accounts
from twostep.store.methods import apps, challenges
from twostep.store.methods import backup_codes as stored_codes
from twostep.store.methods.all_methods import load_methods
from twostep.store.sign_in import known_browsers, sessions
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class SecondStepDone:
    """The sign-in is complete. `passed` says by which code.

    None: the help desk's temporary code, whose session opens enrolment only.
    """

    signed_in: SignedIn
    passed: Passed | None


def view_methods(tx: Tx, account_id: str) -> Methods:
    """Every way to pass the second step."""
    return load_methods(tx, account_id)


async def submit_code(
    env: Env,
    visitor: Visitor,
    session: Session,
    *,
    old_token: str,
    typed: str,
    wants_remembering: bool = False,
    now: int,
) -> SecondStepDone | Refused:
    """Answer the second step with whatever was typed; its shape decides what it is.

    `wants_remembering`: the browser shall not be asked again, where policy allows that. Malformed input costs nothing. Raises `Overloaded` for codes that need a hash.
    """
    code = read_code(typed)
    if isinstance(code, Refused):
        return code
    digest = None
    if not isinstance(code, SixDigits):
        hashed = await digest_typed(env, visitor, session, code=code, now=now)
        if isinstance(hashed, Refused):
            return hashed
        digest = hashed
    return await env.store.run(
        _finish,
        env,
        visitor,
        session,
        old_token=old_token,
        code=code,
        digest=digest,
        wants_remembering=wants_remembering,
        now=now,
    )


def _finish(
    tx: Tx,
    env: Env,
    visitor: Visitor,
    session: Session,
    *,
    old_token: str,
    code: SixDigits | TypedBackupCode | TemporaryCode,
    digest: TypedDigest | None,
    wants_remembering: bool,
    now: int,
) -> SecondStepDone | Refused:
    if isinstance(code, SixDigits):
        _announce_reads(tx, visitor, session, old_token=old_token)
    account = accounts.lock(tx, session.account_id)
    half = sessions.load_current(tx, session.id, digest=token.digest(old_token))
    if not account or not half or not is_open_step(half, account, env=env, now=now):
        return Refused(Reason.STEP_ENDED)
    if isinstance(code, TemporaryCode):
        return _finish_temporary(tx, env, account, half, visitor, digest=digest, now=now)
    passed = verify_typed(
        tx, env, account, half, visitor, code=code, digest=digest, purpose=Purpose.SIGN_IN, now=now
    )
    if isinstance(passed, Refused):
        return passed
    signed_in = complete_step(
        tx,
        env,
        account,
        visitor,
        half=half,
        old_token=old_token,
        amr=passed.amr,
        method=passed.method,
        remembers_after=passed.kind if wants_remembering else None,
        now=now,
    )
    return SecondStepDone(signed_in, passed)


def _announce_reads(tx: Tx, visitor: Visitor, session: Session, *, old_token: str) -> None:
    """What the usual way reads, to go out with the account's lock instead of one after the other."""
    tx.ahead(sessions.load_current, session.id, digest=token.digest(old_token))
    second_step_throttle.announce_reads(
        tx, session.account_id, visitor, rule=throttle.CODE, browser_id=session.browser_id
    )
    tx.ahead(challenges.load_newest, session.id, Purpose.SIGN_IN)
    tx.ahead(apps.list_apps, session.account_id)
    if visitor.browser_token:
        digest = token.digest(visitor.browser_token)
        tx.ahead(known_browsers.is_browser_cookie, digest)
        tx.ahead(known_browsers.load_known_browser, session.account_id, digest)


def is_open_step(half: Session, account: Account, *, env: Env, now: int) -> bool:
    """Whether a half session may still be answered. The account is locked."""
    return (
        half.level is Level.HALF
        and session_core.is_live(half, now=now, limits=env.limits)
        and account.status is Status.ACTIVE
        and account.two_step
        and account.password_version == half.password_version
    )


def _finish_temporary(
    tx: Tx,
    env: Env,
    account: Account,
    half: Session,
    visitor: Visitor,
    *,
    digest: TypedDigest | None,
    now: int,
) -> SecondStepDone | Refused:
    """The help desk's code opens enrolment only: no full session, `aal1`, amr `pwd`."""
    rule = throttle.RECOVERY_CODE
    if refused := second_step_throttle.refuse(
        tx, account, visitor, rule=rule, browser_id=half.browser_id, now=now
    ):
        return refused
    if not _burn_temporary(tx, account, digest=digest, now=now):
        wrong = WrongTry(
            rule,
            Reason.BACKUP_CODE_WRONG,
            chances=0,
            purpose=str(Purpose.SIGN_IN),
            browser_id=half.browser_id,
        )
        return second_step_throttle.count_wrong(tx, env, account, visitor, wrong=wrong, now=now)
    sessions.remove(tx, half.id, account_id=account.id)
    opened = open_session(
        tx,
        env,
        account,
        visitor,
        level=Level.ENROL,
        browser_id=half.browser_id,
        next_path=half.next_path,
        now=now,
    )
    record(tx, account, visitor, event.new_event(event.TEMPORARY_CODE_USED, Outcome.OK), now=now)
    return SecondStepDone(opened, None)


def _burn_temporary(tx: Tx, account: Account, *, digest: TypedDigest | None, now: int) -> bool:
    """Burn the help desk's code, if this is it and its hour is not over."""
    temporary = stored_codes.load_temporary(tx, account.id)
    if digest is None or temporary is None or temporary.id != digest.set_id:
        return False
    answer = codes_core.match(digest.digest, [(temporary.id, temporary.digest, False)])
    if not isinstance(answer, codes_core.Accepted) or now >= temporary.expires_at:
        return False
    return stored_codes.consume_temporary(tx, temporary.id)
