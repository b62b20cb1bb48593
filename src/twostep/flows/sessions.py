"""Sessions: read at every request, listed, ended. Revocation is immediate: every request reads the row."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import event, session, token
from twostep.core.account import Account, Status
from twostep.core.refusal import Reason, Refused
from twostep.core.session import Level, Session
from twostep.flows.env import Env, Visitor
from twostep.flows.lock_session import lock_owner
from twostep.flows.record import record
from twostep.flows.sign_in import needs_enrolment
from twostep.store import accounts, sessions
from twostep.store.tx import Tx


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
