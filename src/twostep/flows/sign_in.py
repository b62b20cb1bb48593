"""The end of every way in: `complete_sign_in` is the only place that makes a full session.

password ──▶ begin_second_step ──▶ half session ──code──▶ complete_sign_in ──▶ full session
    └───────── two-step sign-in off, or remembered ─────▶ complete_sign_in ◀── passkey alone
    └───────── two-step sign-in required, not set up ───▶ begin_enrolment ──▶ enrol session
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from twostep.core import event, reminder, token
from twostep.core import session as session_core
from twostep.core.account import Account, Role
from twostep.core.authenticator import MOST_KNOWN_BROWSERS
from twostep.core.reminder import Reminder
from twostep.core.session import AMR_PASSWORD, Aal, Level, Session
from twostep.delivery.notice import NoticeKind
from twostep.flows import second_step_throttle
from twostep.flows.cancel_recovery import cancel_recovery
from twostep.flows.env import Env, Visitor
from twostep.flows.notify import notify
from twostep.flows.record import record
from twostep.store import accounts, audit, sessions
from twostep.store.methods import load_methods
from twostep.store.tx import Tx


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


def needs_enrolment(env: Env, account: Account) -> bool:
    """Whether this account must turn two-step sign-in on before anything else: the help desk's
    reset or policy asks for it."""
    if account.two_step:
        return False
    match env.settings.policy.require_two_step:
        case "all":
            return True
        case "operators":
            return account.must_enroll or account.role is Role.OPERATOR
        case _:
            return account.must_enroll


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
    came_from = half.browser_id if half else _known_id(tx, account, visitor)
    browser_id, browser_token = _remember_as_known(tx, env, account, visitor, now=now)
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


def _known_id(tx: Tx, account: Account, visitor: Visitor) -> str | None:
    """The known browser that asks, before this sign-in makes it one."""
    if not visitor.browser_token:
        return None
    return sessions.load_known_browser(tx, account.id, token.digest(visitor.browser_token))


def _remember_as_known(
    tx: Tx, env: Env, account: Account, visitor: Visitor, *, now: int
) -> tuple[str, str | None]:
    """Know the browser from now on; a new one is told to the owner, the account's first is not."""
    presented = token.digest(visitor.browser_token)
    browser_token = None
    is_known = (
        visitor.browser_token != ""
        and sessions.load_known_browser(tx, account.id, presented) is not None
    )
    if not is_known and not (visitor.browser_token and sessions.is_browser_cookie(tx, presented)):
        # A value we did not give out is never taken over: nobody may plant one.
        browser_token = token.new_token()
        presented = token.digest(browser_token)
        tx.ahead(audit.has_event, account.id, event.SIGN_IN_COMPLETED)
        tx.ahead(accounts.list_addresses, account.id)
    is_first = not is_known and not audit.has_event(tx, account.id, event.SIGN_IN_COMPLETED)
    browser_id = sessions.save_known_browser(
        tx,
        account.id,
        presented,
        new_id=token.new_id(),
        browser=visitor.browser,
        most=MOST_KNOWN_BROWSERS,
        now=now,
    )
    if not is_known and not is_first:
        record(tx, account, visitor, event.new_event(event.BROWSER_NEW), now=now)
        notify(tx, env, account, NoticeKind.BROWSER_NEW, visitor=visitor, now=now)
    return browser_id, browser_token
