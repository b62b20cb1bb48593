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
from twostep.flows.env import Env, Visitor
from twostep.flows.policy.decide import needs_enrolment
from twostep.flows.turn import lock_owner, record
from twostep.store.account import accounts
from twostep.store.sign_in import sessions
from twostep.store.tx import Tx


def find_earlier(tx: Tx, old_token: str) -> Session | None:
    """The session whose cookie the browser still has; nothing is locked yet."""
    found = sessions.load(tx, token.digest(old_token)) if old_token else None
    return None if found is None else found[0]


def lock_with(tx: Tx, account_id: str, earlier: Session | None) -> Account | None:
    """Lock the account that signs in, and the one whose session would end."""
    ids = {account_id} if earlier is None else {account_id, earlier.account_id}
    locked = {one: accounts.lock(tx, one) for one in sorted(ids)}
    return locked[account_id]


def end_earlier(tx: Tx, env: Env, visitor: Visitor, earlier: Session | None, *, now: int) -> None:
    """End it; its own account's trail says so, unless its time was over or somebody was faster."""
    if earlier is None or not sessions.remove(tx, earlier.id, account_id=earlier.account_id):
        return
    owner = accounts.load(tx, earlier.account_id)
    if owner and session_core.is_live(earlier, now=now, limits=env.limits):
        ended = event.new_event(event.SESSION_ENDED, by="new_sign_in", sessions=1)
        record(tx, owner, visitor, ended, now=now)


@dataclass(frozen=True, slots=True)
class Ended:
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
    if current.level is Level.FULL and needs_enrolment(env, account):
        return None  # policy has become stricter: the next sign-in leads to enrolment
    return found


def save_seen(tx: Tx, current: Session, *, now: int) -> None:
    """Write down that the person was here; status polls do not call this."""
    sessions.save_seen(tx, current.id, now=now)


def save_flash(tx: Tx, current: Session, *, flash: str) -> None:
    """Keep what the session's next page says once."""
    sessions.save_flash(tx, current.id, flash=flash)


def sign_out(tx: Tx, visitor: Visitor, current: Session, *, now: int) -> None:
    """End this session, half or full."""
    account = accounts.lock(tx, current.account_id)
    if account and sessions.remove(tx, current.id, account_id=account.id):
        record(tx, account, visitor, event.new_event(event.SIGN_OUT_DONE), now=now)


def list_sessions(tx: Tx, env: Env, account_id: str, *, now: int) -> list[Session]:
    """Live sessions of the account, the newest first."""
    return sessions.list_live(tx, account_id, now=now, seen_after=now - env.limits.idle_seconds)


def end_session(
    tx: Tx, visitor: Visitor, current: Session, *, session_id: str, now: int
) -> Ended | Refused:
    """End one other session of the account. Refused: NOT_FOUND (also for somebody else's)."""
    account = lock_owner(tx, current)
    if account is None or session_id == current.id:
        return Refused(Reason.NOT_FOUND)
    if not sessions.remove(tx, session_id, account_id=account.id):
        return Refused(Reason.NOT_FOUND)
    _tell(tx, account, visitor, count=1, now=now)
    return Ended(1)


def end_others(tx: Tx, visitor: Visitor, current: Session, *, now: int) -> Ended | Refused:
    """End every other session of the account, half sessions too."""
    account = lock_owner(tx, current)
    if account is None:
        return Refused(Reason.CHANGED)
    count = sessions.remove_others(tx, account.id, keep=current.id)
    if count:
        _tell(tx, account, visitor, count=count, now=now)
    return Ended(count)


def _tell(tx: Tx, account: Account, visitor: Visitor, *, count: int, now: int) -> None:
    ended = event.new_event(event.SESSION_ENDED, by=visitor.source.actor, sessions=count)
    record(tx, account, visitor, ended, now=now)


def is_current(tx: Tx, current: Session, cookie: str) -> bool:
    """Whether the session still lives under this cookie value. The account is locked."""
    return sessions.load_current(tx, current.id, digest=token.digest(cookie)) is not None
