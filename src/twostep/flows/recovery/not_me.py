""" "This wasn't me": the link in every notice, used once, without signing in; or a row of the own history.

Opening the page changes nothing. Its button ends every session, forgets browsers, undoes what the
notice or the row told of, and retires the password. Undoing never takes the account's last app or
passkey unless the password (a retired one too) is typed on that page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twostep.core import token
from twostep.core.audit import event
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import password, throttle
from twostep.core.sign_in.session import Session
from twostep.flows.account.activity import Activity, is_deniable, load_activity
from twostep.flows.limits import count_all
from twostep.flows.mail_links import NOT_ME, RESET_PASSWORD
from twostep.flows.proof.retired_password import retire_password
from twostep.flows.recovery import undo
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.account import accounts, addresses, mail_links
from twostep.store.methods import backup_codes as stored_codes
from twostep.store.sign_in import known_browsers, sessions


_ADDED = frozenset({event.APP_ADDED, event.PASSKEY_ADDED, event.PHONE_ADDED})


@dataclass(frozen=True, slots=True)
class Containment:
    """What the button would do. `undo`: kind of thing that would be taken back, "" for none.

    `needs_password`: taking it back would remove the last app or passkey, so the password must be typed.
    """

    two_step: bool
    undo: str
    needs_password: bool


@dataclass(frozen=True, slots=True)
class Contained:
    """It was done. `undone`: whether the thing was taken back too."""

    sessions: int
    undone: bool


@dataclass(frozen=True, slots=True)
class Cause:
    """What somebody says was not them. `undo`: what would be taken back, as `kind:id`.

    `digest`: of the mailed link; `session_id`: of the session that showed the row, where it was one.
    """

    account_id: str
    undo: str
    digest: bytes | None = None
    session_id: str = ""


Find = Callable[[Turn], Cause | None]


def by_link(link: str, *, now: int) -> Find:
    """The cause that a mailed link names, while it works."""

    def find(turn: Turn) -> Cause | None:
        digest = token.digest(link)
        found = mail_links.load(turn.tx, digest, purpose=NOT_ME)
        if found is None or found.used_at is not None:
            return None
        if not found.created_at <= now < found.expires_at:
            return None
        return Cause(found.account_id, found.subject_id, digest=digest)

    return find


def by_event(current: Session, *, seq: int, now: int) -> Find:
    """The cause that a row of the session's own history names, while that can be denied."""

    def find(turn: Turn) -> Cause | None:
        told = load_activity(turn, current.account_id, seq=seq)
        if (
            told is None
            or not is_deniable(told, now=now)
            or not sessions.exists(turn.tx, current.id)
        ):
            return None
        taken_back = _undo_of(turn, current.account_id, told)
        return Cause(current.account_id, taken_back, session_id=current.id)

    return find


def _undo_of(turn: Turn, account_id: str, told: Activity) -> str:
    """What the event brought, as a notice of it names it."""
    if told.event in _ADDED:
        return told.method
    if told.event == event.RECOVERY_CODES_CREATED:
        own = stored_codes.load_set(turn.tx, account_id)
        return f"codes:{own.id}" if own and own.created_at == told.at else ""
    if told.event == event.EMAIL_VERIFIED:
        own_addresses = addresses.list_addresses(turn.tx, account_id)
        ids = [one.id for one in own_addresses if one.verified_at == told.at]
        return f"email:{ids[0]}" if len(ids) == 1 else ""
    return ""


def view_containment(turn: Turn, find: Find) -> Containment | Refused:
    """What the button would do. Refused: LINK_DEAD."""
    cause = find(turn)
    account = accounts.load(turn.tx, cause.account_id) if cause else None
    if cause is None or account is None:
        return Refused(Reason.LINK_DEAD)
    exists = undo.exists(turn, account, cause.undo)
    return Containment(
        two_step=account.two_step,
        undo=cause.undo.partition(":")[0] if exists else "",
        needs_password=undo.is_last(turn, account, cause.undo),
    )


async def contain(opener: TurnOpener, find: Find, *, typed: str) -> Contained | Refused:
    """Secure the account. Refused: LINK_DEAD, PASSWORD_CURRENT_WRONG (typed, and wrong), THROTTLED.

    Raises `Overloaded`.
    """
    cause = await opener.read(find)
    account = await opener.env.store.read(accounts.load, cause.account_id) if cause else None
    if cause is None or account is None:
        return Refused(Reason.LINK_DEAD)
    right = False
    if typed:
        rule = throttle.PASSWORD_ACCOUNT_NETWORK
        key = f"{rule.name}:{account.id}:containment"
        refused = await opener.env.store.run(count_all, [(key, rule)], now=opener.now)
        if refused:
            return Refused(Reason.THROTTLED, retry_at=refused.retry_at)
        verdict = await opener.env.hashes.run(
            password.verify_hash,
            account.password_hash or password.dummy_hash(opener.env.profile),
            typed,
            profile=opener.env.profile,
        )
        right = verdict.ok and account.password_hash is not None
        if not right:
            return await opener.run(_record_wrong, account_id=account.id)
    return await opener.run(_contain, find, version=account.password_version, right=right)


def _contain(turn: Turn, find: Find, *, version: int, right: bool) -> Contained | Refused:
    named = find(turn)
    account = accounts.lock(turn.tx, named.account_id) if named else None
    cause = find(turn) if account else None  # again under the lock: a session may have been ended
    if cause is None or account is None:
        return Refused(Reason.LINK_DEAD)
    if cause.digest and not mail_links.consume(turn.tx, cause.digest, purpose=NOT_ME, now=turn.now):
        return Refused(Reason.LINK_DEAD)
    right = right and version == account.password_version
    ended = sessions.remove_others(turn.tx, account.id, keep="")
    known_browsers.remove_known_browsers(turn.tx, account.id)
    # Whoever was in may have asked for these; new links go to the addresses that remain.
    mail_links.remove_open(turn.tx, account.id, purpose=RESET_PASSWORD)
    stored_codes.remove_temporary(turn.tx, account.id)
    undone = undo.take_back(turn, account, undo=cause.undo, right=right)
    what = cause.undo.partition(":")[0] if undone else "nothing"
    done = event.new_event(event.CONTAINMENT_DONE, sessions=ended, undone=what)
    turn.record(account, done)
    retire_password(turn, account, reason="not_me")
    return Contained(ended, undone)


def _record_wrong(turn: Turn, *, account_id: str) -> Refused:
    refused = Refused(Reason.PASSWORD_CURRENT_WRONG)
    account = accounts.lock(turn.tx, account_id)
    if account is not None:
        told = event.new_event(event.PASSWORD_REFUSED, event.Outcome.REFUSED, reason=refused.reason)
        turn.record(account, told)
    return refused
