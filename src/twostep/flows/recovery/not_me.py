""" "This wasn't me": from the single-use link in every notice, or from a row of the account's history.

The link needs no sign-in. Opening the page changes nothing. Its button ends every session, forgets
browsers, stops a waiting recovery, undoes the reported change and retires the password. It only undoes
what was added beside an older app or passkey, so a mailbox alone never lowers what a sign-in asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twostep.core import token
from twostep.core.audit import event
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Session
from twostep.flows.account.activity import Activity, is_deniable, load_activity
from twostep.flows.mail_links import NOT_ME, RESET_PASSWORD
from twostep.flows.proof.retired_password import retire_password
from twostep.flows.recovery import undo
from twostep.flows.recovery.lost_phone import may_recover
from twostep.flows.sign_in.waiting_recovery import cancel_recovery
from twostep.flows.turn import Turn
from twostep.store.account import accounts, addresses, mail_links
from twostep.store.methods import backup_codes
from twostep.store.sign_in import known_browsers, sessions


_ADDED = frozenset({event.APP_ADDED, event.PASSKEY_ADDED, event.PHONE_ADDED})


@dataclass(frozen=True, slots=True)
class Containment:
    """What the button would do. `undo`: the kind of thing that would be undone, "" for none.

    `kept`: the app or passkey that was added stays, because no older one is left. `may_recover`:
    whether its owner can get rid of it by a recovery with a waiting period.
    """

    undo: str
    kept: bool
    may_recover: bool


@dataclass(frozen=True, slots=True)
class Contained:
    """The result. `sessions`: how many ended; `undone`: whether the change was undone too."""

    sessions: int
    undone: bool


@dataclass(frozen=True, slots=True)
class Cause:
    """The reported event. `undo`: what would be undone, as `kind:id`.

    `digest`: of the mailed link; `session_id`: of the session that showed the row of history.
    """

    account_id: str
    undo: str
    digest: bytes | None = None
    session_id: str = ""


Find = Callable[[Turn], Cause | None]


def by_link(link: str, *, now: int) -> Find:
    """Find the cause that a mailed link names, while the link works."""

    def find(turn: Turn) -> Cause | None:
        digest = token.digest(link)
        row = mail_links.load(turn.tx, digest, purpose=NOT_ME)
        if row is None or row.used_at is not None:
            return None
        if not row.created_at <= now < row.expires_at:
            return None
        return Cause(row.account_id, row.subject_id, digest=digest)

    return find


def by_event(current: Session, *, seq: int, now: int) -> Find:
    """Find the cause that a row of the account's history names, while it can be denied."""

    def find(turn: Turn) -> Cause | None:
        activity = load_activity(turn, current.account_id, seq=seq)
        if (
            activity is None
            or not is_deniable(activity, now=now)
            or not sessions.exists(turn.tx, current.id)
        ):
            return None
        undoes = _undo_of(turn, current.account_id, activity)
        return Cause(current.account_id, undoes, session_id=current.id)

    return find


def _undo_of(turn: Turn, account_id: str, activity: Activity) -> str:
    """What the event added, named as in its notice."""
    if activity.event in _ADDED:
        return activity.method
    if activity.event == event.RECOVERY_CODES_CREATED:
        codes = backup_codes.load_set(turn.tx, account_id)
        return f"codes:{codes.id}" if codes and codes.created_at == activity.at else ""
    if activity.event == event.EMAIL_VERIFIED:
        listed = addresses.list_addresses(turn.tx, account_id)
        ids = [address.id for address in listed if address.verified_at == activity.at]
        return f"email:{ids[0]}" if len(ids) == 1 else ""
    return ""


def view_containment(turn: Turn, find: Find) -> Containment | Refused:
    """What the button would do. Refused: LINK_DEAD."""
    cause = find(turn)
    account = accounts.load(turn.tx, cause.account_id) if cause else None
    if cause is None or account is None:
        return Refused(Reason.LINK_DEAD)
    exists = undo.exists(turn, account, cause.undo)
    kept = exists and not undo.may_undo(turn, account, cause.undo)
    return Containment(
        undo=cause.undo.partition(":")[0] if exists and not kept else "",
        kept=kept,
        may_recover=may_recover(turn.env, account),
    )


def contain(turn: Turn, find: Find) -> Contained | Refused:
    """Secure the account. Refused: LINK_DEAD."""
    unlocked = find(turn)
    account = accounts.lock(turn.tx, unlocked.account_id) if unlocked else None
    cause = find(turn) if account else None  # again under the lock: the session may have ended
    if cause is None or account is None:
        return Refused(Reason.LINK_DEAD)
    if cause.digest and not mail_links.consume(turn.tx, cause.digest, purpose=NOT_ME, now=turn.now):
        return Refused(Reason.LINK_DEAD)
    count = sessions.remove_others(turn.tx, account.id, keep="")
    known_browsers.remove_known_browsers(turn.tx, account.id)
    # An intruder may have requested these; new links go to the addresses that remain.
    mail_links.remove_open(turn.tx, account.id, purpose=RESET_PASSWORD)
    backup_codes.remove_temporary(turn.tx, account.id)
    cancel_recovery(turn, account, by="not_me")
    undone = undo.take_back(turn, account, undo=cause.undo)
    what = cause.undo.partition(":")[0] if undone else "nothing"
    contained = event.new_event(event.CONTAINMENT_DONE, sessions=count, undone=what)
    turn.record(account, contained)
    retire_password(turn, account, reason="not_me")
    return Contained(count, undone)
