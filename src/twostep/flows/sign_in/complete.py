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
from twostep.flows.env import Visitor
from twostep.flows.proof import wrong_tries as second_step_throttle
from twostep.flows.proof.remembered_browsers import remember
from twostep.flows.sign_in.known_browsers import known_id, remember_as_known
from twostep.flows.sign_in.waiting_recovery import cancel_recovery
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.methods.all_methods import load_methods
from twostep.store.sign_in import sessions


@dataclass(frozen=True, slots=True)
class Proof:
    """What was shown. `amr`: RFC 8176 names, parted by blanks; `method`: as `app:ID`, "" for none."""

    amr: str
    aal: Aal
    method: str


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
    turn: Turn, account: Account, *, level: Level, browser_id: str | None, next_path: str
) -> SignedIn:
    """Open a session after the right password: half (second step to come) or enrolment only.

    `browser_id`: the known browser it comes from, whose allowance of wrong codes it then has.
    """
    half = level is Level.HALF
    seconds = session_core.HALF_SESSION_SECONDS if half else turn.env.limits.total_seconds
    session = _new_session(account, turn.visitor, level=level, next_path=next_path, now=turn.now)
    session = replace(session, browser_id=browser_id, expires_at=turn.now + seconds)
    cookie = token.new_token()
    sessions.insert(turn.tx, session, digest=token.digest(cookie))
    return SignedIn(session, cookie)


def complete_sign_in(
    turn: Turn,
    account: Held,
    *,
    half: Session | None,
    proof: Proof,
    next_path: str,
) -> SignedIn:
    """Make a full session: raise the half session, or open a new one.

    The half session was read under the account's lock with the visitor's cookie value, so that of
    two answers that arrive together only the first counts.
    """
    base = half or _new_session(
        account, turn.visitor, level=Level.FULL, next_path=next_path, now=turn.now
    )
    came_from = half.browser_id if half else known_id(turn, account)
    browser_id, browser_token = remember_as_known(turn, account)
    session = _full(turn, base, proof, browser_id=browser_id)
    if half is None:
        cookie = token.new_token()
        sessions.insert(turn.tx, session, digest=token.digest(cookie))
    else:
        cookie = renew_cookie(turn, session)
    if proof.aal is Aal.AAL2:
        _forget_tries(turn, account, browser_id=came_from)
        cancel_recovery(turn, account, by="sign_in")
    completed = event.new_event(
        event.SIGN_IN_COMPLETED, method=proof.method, aal=str(proof.aal), amr=proof.amr
    )
    turn.record(account, completed)
    return SignedIn(session, cookie, browser_token, reminder=_remind(turn, account))


def complete_step(
    turn: Turn,
    account: Held,
    *,
    half: Session,
    amr: str,
    method: str,
    remembers_after: MethodKind | None,
) -> SignedIn:
    """Raise the half session by what was shown; `remembers_after`: of which kind it was, where the
    browser shall be remembered."""
    signed_in = complete_sign_in(
        turn, account, half=half, proof=Proof(amr, Aal.AAL2, method), next_path=half.next_path
    )
    if remembers_after is None:
        return signed_in
    cookie = remember(turn, account, kind=remembers_after)
    return replace(signed_in, remember_token=cookie)


def renew_cookie(turn: Turn, raised: Session) -> str:
    """Save a session that was raised, under a new cookie value; the old value is dead."""
    cookie = token.new_token()
    old_digest, new_digest = token.digest(turn.visitor.session_token), token.digest(cookie)
    sessions.raise_session(turn.tx, raised, old_digest=old_digest, new_digest=new_digest)
    return cookie


def _remind(turn: Turn, account: Held) -> Reminder | None:
    """What to remind of now; looked at once in fourteen days, and only while two-step sign-in is on."""
    if not account.two_step or not reminder.is_due(account.spare_reminder_at, now=turn.now):
        return None
    accounts.save_spare_reminder(turn.tx, account, at=turn.now + reminder.REMIND_SECONDS)
    return reminder.choose_reminder(load_methods(turn.tx, account.id), now=turn.now)


def _full(turn: Turn, base: Session, proof: Proof, *, browser_id: str) -> Session:
    """A full session that begins now, here."""
    visitor, now = turn.visitor, turn.now
    return replace(
        base,
        level=Level.FULL,
        aal=proof.aal,
        amr=proof.amr,
        network=visitor.network,
        browser=visitor.browser,
        browser_id=browser_id,
        password_at=base.password_at if AMR_PASSWORD in proof.amr.split() else None,
        second_factor_at=now if proof.aal is Aal.AAL2 else None,
        created_at=now,
        seen_at=now,
        expires_at=now + turn.env.limits.total_seconds,
    )


def _forget_tries(turn: Turn, account: Held, *, browser_id: str | None) -> None:
    """A second factor ends what was counted against the browser and in a row."""
    second_step_throttle.forget(turn, account, browser_id=browser_id)
    if account.wrong_in_a_row:
        accounts.save_guesses(turn.tx, account, in_a_row=0, millionths=account.guess_millionths)


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
