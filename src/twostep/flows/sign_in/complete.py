"""The end of every way in: `complete_sign_in` is the only place that makes a full session.

password ──▶ begin_second_step ──▶ half session ──code──▶ complete_sign_in ──▶ full session
    └───────── two-step sign-in off, or remembered ─────▶ complete_sign_in ◀── passkey alone
    └───────── two-step sign-in required, not set up ───▶ begin_enrolment ──▶ enrol session
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from twostep.core import token
from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.methods import reminder
from twostep.core.methods.authenticator import MethodKind
from twostep.core.methods.reminder import Reminder
from twostep.core.sign_in import session as session_core
from twostep.core.sign_in.session import AMR_PASSWORD, Aal, Level, Session
from twostep.flows.env import Env, Visitor
from twostep.flows.proof import wrong_tries as second_step_throttle
from twostep.flows.proof.remembered_browsers import remember
from twostep.flows.sign_in.known_browsers import known_id, remember_as_known
from twostep.flows.sign_in.waiting_recovery import cancel_recovery
from twostep.flows.turn import record
from twostep.store.account import accounts
from twostep.store.methods.all_methods import load_methods
from twostep.store.sign_in import sessions
from twostep.store.tx import Tx


def complete_step(
    tx: Tx,
    env: Env,
    account: Account,
    visitor: Visitor,
    *,
    half: Session,
    old_token: str,
    amr: str,
    method: str,
    remembers_after: MethodKind | None,
    now: int,
) -> SignedIn:
    """Raise the half session by what was shown; `remembers_after`: of which kind it was, where the
    browser shall be remembered."""
    signed_in = complete_sign_in(
        tx,
        env,
        account,
        visitor,
        half=half,
        old_token=old_token,
        amr=amr,
        aal=Aal.AAL2,
        method=method,
        next_path=half.next_path,
        now=now,
    )
    if remembers_after is None:
        return signed_in
    cookie = remember(tx, env, account, visitor, kind=remembers_after, now=now)
    return replace(signed_in, remember_token=cookie)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session was opened or raised: its new cookie value, and the known browser's if it is new.

    `remember_token`: the next value of a remembered browser. `reminder`: what to say on the way.
    """

    session: Session
    token: str = field(repr=False)
    browser_token: str | None = field(default=None, repr=False)
    remember_token: str | None = field(default=None, repr=False)
    reminder: Reminder | None = None


def open_session(
    tx: Tx,
    env: Env,
    account: Account,
    visitor: Visitor,
    *,
    level: Level,
    browser_id: str | None,
    next_path: str,
    now: int,
) -> SignedIn:
    """Open a session after the right password: half (second step to come) or enrolment only.

    `browser_id`: the known browser it comes from, whose allowance of wrong codes it then has.
    """
    half = level is Level.HALF
    seconds = session_core.HALF_SESSION_SECONDS if half else env.limits.total_seconds
    session = _new_session(account, visitor, level=level, next_path=next_path, now=now)
    session = replace(session, browser_id=browser_id, expires_at=now + seconds)
    cookie = token.new_token()
    sessions.insert(tx, session, digest=token.digest(cookie))
    return SignedIn(session, cookie)


def complete_sign_in(
    tx: Tx,
    env: Env,
    account: Account,
    visitor: Visitor,
    *,
    half: Session | None,
    old_token: str,
    amr: str,
    aal: Aal,
    method: str,
    next_path: str,
    now: int,
) -> SignedIn:
    """Make a full session: raise the half session, or open a new one.

    The account is locked, and the half session was read under that lock with its cookie value
    `old_token`, so that of two answers that arrive together one wins.
    """
    two_step = aal is Aal.AAL2
    base = half or _new_session(account, visitor, level=Level.FULL, next_path=next_path, now=now)
    came_from = half.browser_id if half else known_id(tx, account, visitor)
    browser_id, browser_token = remember_as_known(tx, env, account, visitor, now=now)
    session = _full(base, env, visitor, amr=amr, aal=aal, browser_id=browser_id, now=now)
    cookie = token.new_token()
    digest, old_digest = token.digest(cookie), token.digest(old_token)
    if half is None:
        sessions.insert(tx, session, digest=digest)
    else:
        sessions.raise_session(tx, session, old_digest=old_digest, new_digest=digest)
    if two_step:
        _forget_tries(tx, account, browser_id=came_from)
        cancel_recovery(tx, env, account, visitor, by="sign_in", now=now)
    done = event.new_event(event.SIGN_IN_COMPLETED, method=method, aal=str(aal), amr=amr)
    record(tx, account, visitor, done, now=now)
    return SignedIn(session, cookie, browser_token, reminder=_remind(tx, account, now=now))


def _remind(tx: Tx, account: Account, *, now: int) -> Reminder | None:
    """What to remind of now; looked at once in fourteen days, and only while two-step sign-in is on."""
    if not account.two_step or not reminder.is_due(account.spare_reminder_at, now=now):
        return None
    accounts.save_spare_reminder(tx, account.id, at=now + reminder.REMIND_SECONDS)
    return reminder.choose_reminder(load_methods(tx, account.id), now=now)


def _full(
    base: Session,
    env: Env,
    visitor: Visitor,
    *,
    amr: str,
    aal: Aal,
    browser_id: str,
    now: int,
) -> Session:
    """A full session that begins now, here."""
    return replace(
        base,
        level=Level.FULL,
        aal=aal,
        amr=amr,
        network=visitor.network,
        browser=visitor.browser,
        browser_id=browser_id,
        password_at=base.password_at if AMR_PASSWORD in amr.split() else None,
        second_factor_at=now if aal is Aal.AAL2 else None,
        created_at=now,
        seen_at=now,
        expires_at=now + env.limits.total_seconds,
    )


def _forget_tries(tx: Tx, account: Account, *, browser_id: str | None) -> None:
    """A second factor ends what was counted against the browser and in a row."""
    second_step_throttle.forget(tx, account, browser_id=browser_id)
    if account.wrong_in_a_row:
        accounts.save_guesses(tx, account.id, in_a_row=0, millionths=account.guess_millionths)


def _new_session(
    account: Account, visitor: Visitor, *, level: Level, next_path: str, now: int
) -> Session:
    return Session(
        id=token.new_id(),
        account_id=account.id,
        level=level,
        aal=Aal.AAL1,
        amr=AMR_PASSWORD,
        next_path=next_path,
        network=visitor.network,
        browser=visitor.browser,
        browser_id=None,
        password_version=account.password_version,
        password_at=now,
        second_factor_at=None,
        created_at=now,
        seen_at=now,
        expires_at=now,
    )
