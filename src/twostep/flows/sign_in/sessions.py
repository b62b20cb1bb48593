"""Sessions: read at every request, listed, ended. Revocation is immediate: every request reads the row."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import token
from twostep.core.account import Account, Status
from twostep.core.audit import event
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import session
from twostep.core.sign_in import session as session_core
from twostep.core.sign_in.session import Level, Session
from twostep.flows.env import Env
from twostep.flows.policy.decide import duties_of
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.sign_in import sessions
from twostep.store.tx import Tx


def find_earlier(turn: Turn) -> Session | None:
    """The session whose cookie the browser still has; nothing is locked yet."""
    found = (
        sessions.load(turn.tx, token.digest(turn.visitor.session_token))
        if turn.visitor.session_token
        else None
    )
    return None if found is None else found[0]


def lock_with(turn: Turn, account_id: str, earlier: Session | None) -> Held | None:
    """Lock the account that signs in, and the one whose session would end."""
    ids = {account_id} if earlier is None else {account_id, earlier.account_id}
    locked = {one: accounts.lock(turn.tx, one) for one in sorted(ids)}
    return locked[account_id]


def end_earlier(turn: Turn, earlier: Session | None) -> None:
    """End it; its own account's trail says so, unless its time was over or somebody was faster."""
    if earlier is None or not sessions.remove(turn.tx, earlier.id, account_id=earlier.account_id):
        return
    owner = accounts.lock(turn.tx, earlier.account_id)  # again: `lock_with` has it
    if owner and session_core.is_live(earlier, now=turn.now, limits=turn.env.limits):
        ended = event.new_event(event.SESSION_ENDED, by="new_sign_in", sessions=1)
        turn.record(owner, ended)


@dataclass(frozen=True, slots=True)
class SessionsEnded:
    """How many sessions were ended."""

    sessions: int


def load(tx: Tx, env: Env, *, cookie: str, now: int) -> tuple[Session, Account] | None:
    """The live session of a cookie, with its account; None when there is none.

    A session counts only while its account is not disabled, a half session only while the password
    it was opened with is the current one, a full one only while policy does not ask to enrol first.
    """
    found = sessions.load(tx, token.digest(cookie))
    if found is None:
        return None
    current, account = found
    if not session.is_live(current, now=now, limits=env.limits):
        return None
    if account.disabled_at is not None:
        return None
    if current.level is Level.HALF and (
        account.status is not Status.ACTIVE or account.password_version != current.password_version
    ):
        return None
    if current.level is Level.FULL and duties_of(env, account).must_enroll:
        return None  # policy has become stricter: the next sign-in leads to enrolment
    return found


def save_seen(turn: Turn, current: Session) -> None:
    """Write down that the person was here; status polls do not call this."""
    sessions.save_seen(turn.tx, current.id, now=turn.now)


def save_flash(turn: Turn, current: Session, *, flash: str) -> None:
    """Keep what the session's next page says once."""
    sessions.save_flash(turn.tx, current.id, flash=flash)


def sign_out(turn: Turn, current: Session) -> None:
    """End this session, half or full."""
    account = accounts.lock(turn.tx, current.account_id)
    if account and sessions.remove(turn.tx, current.id, account_id=account.id):
        turn.record(account, event.new_event(event.SIGN_OUT_DONE))


def list_sessions(turn: Turn, account_id: str) -> list[Session]:
    """Live sessions of the account, the newest first."""
    return sessions.list_live(
        turn.tx, account_id, now=turn.now, seen_after=turn.now - turn.env.limits.idle_seconds
    )


def end_session(turn: Turn, current: Session, *, session_id: str) -> SessionsEnded | Refused:
    """End one other session of the account. Refused: NOT_FOUND (also for somebody else's)."""
    account = turn.lock(current)
    if account is None or session_id == current.id:
        return Refused(Reason.NOT_FOUND)
    if not sessions.remove(turn.tx, session_id, account_id=account.id):
        return Refused(Reason.NOT_FOUND)
    _tell(turn, account, count=1)
    return SessionsEnded(1)


def end_others(turn: Turn, current: Session) -> SessionsEnded | Refused:
    """End every other session of the account, half sessions too."""
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    count = sessions.remove_others(turn.tx, account.id, keep=current.id)
    if count:
        _tell(turn, account, count=count)
    return SessionsEnded(count)


def _tell(turn: Turn, account: Held, *, count: int) -> None:
    ended = event.new_event(event.SESSION_ENDED, by=turn.visitor.source.actor, sessions=count)
    turn.record(account, ended)


def is_current(turn: Turn, current: Session, cookie: str) -> bool:
    """Whether the session still lives under this cookie value. The account is locked."""
    return sessions.load_current(turn.tx, current.id, digest=token.digest(cookie)) is not None
