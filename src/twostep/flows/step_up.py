"""Step-up: prove again who is there before anything of weight is changed.

Two-step sign-in on: only a second factor counts, never the password. Off: the password. A form whose
ten minutes ran out while it was filled in is kept, sealed, and carried out afterwards; password forms
never are. Sources: ASVS 7.5.1, NIST SP 800-63B-4 §4.1.2.1; security: Sessions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from twostep.core import event, password, sealing, session, throttle, token
from twostep.core.account import Account, Status
from twostep.core.code_input import RecoveryCode as TypedBackupCode
from twostep.core.code_input import SixDigits, TemporaryCode, read_code
from twostep.core.out_of_band import Purpose
from twostep.core.refusal import Reason, Refused
from twostep.core.session import Aal, Level, Session
from twostep.flows import second_step_throttle
from twostep.flows.env import Env, Visitor
from twostep.flows.lock_session import lock_owner
from twostep.flows.record import record
from twostep.flows.retire import refuse_retired, remind_of_retired
from twostep.flows.second_factor import Passed
from twostep.flows.second_step import TypedDigest, digest_typed, verify_typed
from twostep.flows.second_step_throttle import WrongTry
from twostep.flows.sign_in import SignedIn
from twostep.flows.unseal import tell_broken, unseal
from twostep.store import accounts, kept_posts, sessions, throttles
from twostep.store.kept_posts import KeptPost
from twostep.store.tx import Tx


KEPT_SECONDS = 600
LARGEST_KEPT_BYTES = 8192
KEPT_FORM = "kept_posts.form"


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


def is_current(tx: Tx, current: Session, cookie: str) -> bool:
    """Whether the session still lives under this cookie value. The account is locked."""
    return sessions.load_current(tx, current.id, digest=token.digest(cookie)) is not None


def refuse_password_tries(tx: Tx, current: Session, *, now: int) -> Refused | None:
    """Refuse a password typed inside a session during a wait."""
    rule = throttle.PASSWORD_ACCOUNT_NETWORK
    return throttle.refuse(throttles.load(tx, _password_key(current)), rule, now=now)


def count_password_try(
    tx: Tx, account: Account, visitor: Visitor, current: Session, *, right: bool, now: int
) -> Refused | None:
    """Decide a password typed inside a session; a wrong one counts, a right one clears."""
    if refused := refuse_password_tries(tx, current, now=now):
        return refused
    key = _password_key(current)
    if right:
        throttles.remove(tx, key)
        return None
    rule = throttle.PASSWORD_ACCOUNT_NETWORK
    state = throttle.count(throttles.lock(tx, key, now=now), rule, now=now)
    throttles.save(tx, key, state, now=now)
    reason = Reason.PASSWORD_CURRENT_WRONG
    record(
        tx,
        account,
        visitor,
        event.new_event(event.PASSWORD_REFUSED, event.Outcome.REFUSED, reason=str(reason)),
        now=now,
    )
    return Refused(reason, retry_at=throttle.waits_until(state, rule, now=now))


def _password_key(current: Session) -> str:
    browser = current.browser_id or current.id
    return f"{throttle.PASSWORD_ACCOUNT_NETWORK.name}:{current.account_id}:browser:{browser}"


def raise_and_tell(
    tx: Tx,
    account: Account,
    visitor: Visitor,
    risen: Session,
    *,
    old_token: str,
    by: str,
    now: int,
) -> SignedIn:
    """Give the session its new proof and a new cookie value; the old value is dead."""
    cookie = token.new_token()
    sessions.raise_session(
        tx, risen, old_digest=token.digest(old_token), new_digest=token.digest(cookie)
    )
    record(tx, account, visitor, event.new_event(event.STEP_UP_COMPLETED, by=by), now=now)
    return SignedIn(risen, cookie)


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept form: where it was going, and its fields."""

    path: str
    form: Mapping[str, str] = field(repr=False)


def keep_post(
    tx: Tx, env: Env, current: Session, *, path: str, form: Mapping[str, str], now: int
) -> str | None:
    """Keep a form that came too late; its id, or None: it is too large, or the session is over."""
    if current.level is not Level.FULL or lock_owner(tx, current) is None:
        return None
    clear = json.dumps({"path": path, "form": dict(form)}).encode()
    if len(clear) > LARGEST_KEPT_BYTES:
        return None
    row_id = token.new_id()
    kept_posts.insert(
        tx,
        KeptPost(
            id=row_id,
            account_id=current.account_id,
            session_id=current.id,
            path=path,
            form=sealing.seal(
                env.keyring,
                clear,
                purpose=KEPT_FORM,
                row_id=row_id,
                account_id=current.account_id,
            ),
            expires_at=now + KEPT_SECONDS,
        ),
    )
    return row_id


def peek_kept(tx: Tx, current: Session, *, kept_id: str, now: int) -> str | None:
    """Where a kept form of this session was going; None when there is none, or not any more."""
    post = kept_posts.load(tx, kept_id, session_id=current.id)
    return post.path if post and now < post.expires_at else None


def take_kept(tx: Tx, env: Env, current: Session, *, kept_id: str, now: int) -> Kept | None:
    """Take a kept form, once."""
    post = kept_posts.take(tx, kept_id, session_id=current.id)
    if post is None or now >= post.expires_at:
        return None
    try:
        clear = unseal(
            env,
            post.form,
            purpose=KEPT_FORM,
            row_id=post.id,
            account_id=post.account_id,
        )
    except sealing.SealBroken:
        tell_broken(tx, post.account_id, purpose=KEPT_FORM, now=now)
        return None
    kept = json.loads(clear)
    return Kept(kept["path"], kept["form"])
