"""The second step of a sign-in: one input field for every kind of code."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import token
from twostep.core.account import Account, Status
from twostep.core.audit import event
from twostep.core.audit.event import Outcome
from twostep.core.methods import recovery_codes
from twostep.core.methods.authenticator import Methods
from twostep.core.methods.code_input import (
    SixDigits,
    TypedBackupCode,
    TypedTemporaryCode,
    read_code,
)
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import Level, Session, is_live
from twostep.flows.env import Env
from twostep.flows.proof import wrong_tries
from twostep.flows.proof.verify_code import Passed
from twostep.flows.proof.verify_typed import TypedDigest, digest_typed, verify_typed
from twostep.flows.proof.wrong_tries import WrongTry
from twostep.flows.sign_in.complete import SignedIn, complete_step, open_session
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.methods import apps, backup_codes, challenges
from twostep.store.methods.all_methods import load_methods
from twostep.store.sign_in import known_browsers, sessions


@dataclass(frozen=True, slots=True)
class SecondStepDone:
    """The second step is passed.

    `passed`: by which code; None for the help desk's temporary code, which opens enrolment only.
    """

    signed_in: SignedIn
    passed: Passed | None


def view_methods(turn: Turn, account_id: str) -> Methods:
    """Every way to pass the second step."""
    return load_methods(turn.tx, account_id)


async def submit_code(
    opener: TurnOpener, session: Session, *, typed: str, wants_remembering: bool = False
) -> SecondStepDone | Refused:
    """Answer the second step with whatever was typed; its shape decides which code it is.

    `wants_remembering`: do not ask this browser again, if policy allows. Malformed input is not
    counted. Raises `Overloaded` for codes that need a hash.
    """
    code = read_code(typed)
    if isinstance(code, Refused):
        return code
    digest = None
    if not isinstance(code, SixDigits):
        hashed = await digest_typed(opener, session, code=code)
        if isinstance(hashed, Refused):
            return hashed
        digest = hashed
    return await opener.run(
        _finish, session, code=code, digest=digest, wants_remembering=wants_remembering
    )


def _finish(
    turn: Turn,
    session: Session,
    *,
    code: SixDigits | TypedBackupCode | TypedTemporaryCode,
    digest: TypedDigest | None,
    wants_remembering: bool,
) -> SecondStepDone | Refused:
    if isinstance(code, SixDigits):
        _announce_reads(turn, session)
    account = accounts.lock(turn.tx, session.account_id)
    half = sessions.load_current(
        turn.tx, session.id, digest=token.digest(turn.visitor.session_token)
    )
    if not account or not half or not is_open_step(half, account, env=turn.env, now=turn.now):
        return Refused(Reason.STEP_ENDED)
    if isinstance(code, TypedTemporaryCode):
        return _finish_temporary(turn, account, half, digest=digest)
    passed = verify_typed(turn, account, half, code=code, digest=digest, purpose=Purpose.SIGN_IN)
    if isinstance(passed, Refused):
        return passed
    signed_in = complete_step(
        turn,
        account,
        half=half,
        amr=passed.amr,
        method=passed.method,
        remembers_after=passed.kind if wants_remembering else None,
    )
    return SecondStepDone(signed_in, passed)


def _announce_reads(turn: Turn, session: Session) -> None:
    """Announce what a typical answer reads, so that it is fetched along with the account's lock."""
    turn.tx.ahead(
        sessions.load_current, session.id, digest=token.digest(turn.visitor.session_token)
    )
    wrong_tries.announce_reads(
        turn, session.account_id, rule=throttle.CODE, browser_id=session.browser_id
    )
    turn.tx.ahead(challenges.load_newest, session.id, Purpose.SIGN_IN)
    turn.tx.ahead(apps.list_apps, session.account_id)
    if turn.visitor.browser_token:
        digest = token.digest(turn.visitor.browser_token)
        turn.tx.ahead(known_browsers.is_browser_cookie, digest)
        turn.tx.ahead(known_browsers.load_known_browser, session.account_id, digest, now=turn.now)


def is_open_step(half: Session, account: Account, *, env: Env, now: int) -> bool:
    """Whether a half session may still be answered. The account is locked."""
    return (
        half.level is Level.HALF
        and is_live(half, now=now, limits=env.limits)
        and account.status is Status.ACTIVE
        and account.two_step
        and account.password_version == half.password_version
    )


def _finish_temporary(
    turn: Turn, account: Held, half: Session, *, digest: TypedDigest | None
) -> SecondStepDone | Refused:
    """The help desk's code opens only enrolment: never a full session, `aal1`, amr `pwd`."""
    rule = throttle.RECOVERY_CODE
    if refused := wrong_tries.refuse(turn, account, rule=rule, browser_id=half.browser_id):
        return refused
    purpose = str(Purpose.SIGN_IN)
    if refused := burn_temporary(turn, account, digest=digest):
        if refused.reason is Reason.TEMPORARY_CODE_OVER:  # no guess
            over = event.new_event(
                event.CODE_REFUSED, Outcome.REFUSED, purpose=purpose, reason=str(refused.reason)
            )
            turn.record(account, over)
            return refused
        wrong_try = WrongTry(
            rule, refused.reason, chances=0, purpose=purpose, browser_id=half.browser_id
        )
        return wrong_tries.count_wrong(turn, account, wrong_try=wrong_try)
    sessions.remove(turn.tx, half.id, account_id=account.id)
    opened = open_session(
        turn, account, level=Level.ENROL, browser_id=half.browser_id, next_path=half.next_path
    )
    turn.record(account, event.new_event(event.TEMPORARY_CODE_USED, Outcome.OK))
    return SecondStepDone(opened, None)


def burn_temporary(turn: Turn, account: Held, *, digest: TypedDigest | None) -> Refused | None:
    """Burn the help desk's code. Refused: BACKUP_CODE_WRONG, TEMPORARY_CODE_OVER (used or too old)."""
    temporary = backup_codes.load_temporary(turn.tx, account.id)
    if digest is None or temporary is None or temporary.id != digest.set_id:
        return Refused(Reason.BACKUP_CODE_WRONG)
    answer = recovery_codes.match(digest.digest, [(temporary.id, temporary.digest, False)])
    if isinstance(answer, Refused):
        return answer
    if not backup_codes.consume_temporary(turn.tx, temporary.id, now=turn.now):
        return Refused(Reason.TEMPORARY_CODE_OVER)
    return None
