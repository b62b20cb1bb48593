"""Sessions: load, list, end. Every request reads the row, so revocation is immediate."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import token
from twostep.core.account import Account, Status
from twostep.core.audit import event
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import session
from twostep.core.sign_in.session import Level, Session
from twostep.flows.env import Env
from twostep.flows.policy.decide import must_enroll
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.sign_in import sessions
from twostep.store.tx import Tx


def find_earlier(turn: Turn) -> Session | None:
    """The session whose cookie the browser still holds; locks nothing."""
    if not turn.visitor.session_token:
        return None
    row = sessions.load(turn.tx, token.digest(turn.visitor.session_token))
    return row[0] if row else None


def lock_with(turn: Turn, account_id: str, earlier: Session | None) -> Held | None:
    """Lock the account that signs in, and the one whose earlier session would end."""
    ids = {account_id} if earlier is None else {account_id, earlier.account_id}
    locked = {locked_id: accounts.lock(turn.tx, locked_id) for locked_id in sorted(ids)}
    return locked[account_id]


def end_earlier(turn: Turn, earlier: Session | None) -> None:
    """End the earlier session and record it in its account's trail, unless it was already over."""
    if earlier is None or not sessions.remove(turn.tx, earlier.id, account_id=earlier.account_id):
        return
    owner = accounts.lock(turn.tx, earlier.account_id)  # already locked by `lock_with`
    if owner and session.is_live(earlier, now=turn.now, limits=turn.env.limits):
        turn.record(owner, event.new_event(event.SESSION_ENDED, by="new_sign_in", sessions=1))


@dataclass(frozen=True, slots=True)
class SessionsEnded:
    """How many sessions were ended."""

    sessions: int


def load(tx: Tx, env: Env, *, cookie: str, now: int) -> tuple[Session, Account] | None:
    """The live session of a cookie, with its account; None if there is none.

    The account must not be disabled. A half session needs the password it was opened with to be
    current and not retired; a full session needs an account that policy does not send to enrolment.
    """
    row = sessions.load(tx, token.digest(cookie))
    if row is None:
        return None
    current, account = row
    if not session.is_live(current, now=now, limits=env.limits):
        return None
    if account.disabled_at is not None:
        return None
    if current.level is Level.HALF and (
        account.status is not Status.ACTIVE or account.password_version != current.password_version
    ):
        return None
    if current.level is Level.FULL and must_enroll(env, account):
        return None  # policy has become stricter: the next sign-in leads to enrolment
    return row


def save_seen(turn: Turn, current: Session) -> None:
    """Record activity, which restarts the idle limit; status polls do not call this."""
    sessions.save_seen(turn.tx, current.id, now=turn.now)


def save_flash(turn: Turn, current: Session, *, flash: str) -> None:
    """Keep a message for the session's next page to show once."""
    sessions.save_flash(turn.tx, current.id, flash=flash)


def sign_out(turn: Turn, current: Session) -> None:
    """End this session, half or full."""
    account = accounts.lock(turn.tx, current.account_id)
    if account and sessions.remove(turn.tx, current.id, account_id=account.id):
        turn.record(account, event.new_event(event.SIGN_OUT_DONE))


def list_sessions(turn: Turn, account_id: str) -> list[Session]:
    """The account's live sessions, newest first."""
    return sessions.list_live(
        turn.tx, account_id, now=turn.now, seen_after=turn.now - turn.env.limits.idle_seconds
    )


def end_session(turn: Turn, current: Session, *, session_id: str) -> SessionsEnded | Refused:
    """End one other session of the account. Refused: NOT_FOUND (also for another account's)."""
    account = turn.lock(current)
    if account is None or session_id == current.id:
        return Refused(Reason.NOT_FOUND)
    if not sessions.remove(turn.tx, session_id, account_id=account.id):
        return Refused(Reason.NOT_FOUND)
    _record_ended(turn, account, count=1)
    return SessionsEnded(1)


def end_others(turn: Turn, current: Session) -> SessionsEnded | Refused:
    """End every other session of the account, half sessions too."""
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    count = sessions.remove_others(turn.tx, account.id, keep=current.id)
    if count:
        _record_ended(turn, account, count=count)
    return SessionsEnded(count)


def _record_ended(turn: Turn, account: Held, *, count: int) -> None:
    by = turn.visitor.source.actor
    turn.record(account, event.new_event(event.SESSION_ENDED, by=by, sessions=count))


def is_current(turn: Turn, current: Session, cookie: str) -> bool:
    """Whether the session still exists under this cookie value. The account is locked."""
    return sessions.load_current(turn.tx, current.id, digest=token.digest(cookie)) is not None
