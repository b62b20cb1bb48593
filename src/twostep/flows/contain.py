""" "This wasn't me": the link in every notice, used once, without signing in.

Opening the page changes nothing. Its button ends every session, forgets browsers, undoes what the
notice told of, and retires the password. Undoing never takes the account's last app or passkey unless the
password (a retired one too) is typed on that page.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import event, password, throttle, token
from twostep.core.refusal import Reason, Refused
from twostep.flows import undo
from twostep.flows.env import Env, Visitor
from twostep.flows.notify import NOT_ME, RESET_PASSWORD
from twostep.flows.record import record
from twostep.flows.retire import retire_password
from twostep.flows.send_limits import count_all
from twostep.store import accounts, mail_links, sessions
from twostep.store import recovery_codes as stored_codes
from twostep.store.mail_links import MailLink
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Containment:
    """What the button would do. `undo`: kind of thing that would be taken back, "" for none.

    `needs_password`: taking it back would remove the last app or passkey, so the password must be typed.
    """

    account_name: str
    two_step: bool
    undo: str
    needs_password: bool


@dataclass(frozen=True, slots=True)
class Contained:
    """It was done. `undone`: whether the thing was taken back too."""

    sessions: int
    undone: bool


def view_containment(tx: Tx, *, link: str, now: int) -> Containment | Refused:
    """What a link would do. Refused: LINK_DEAD."""
    found = _load_link(tx, link, now=now)
    account = accounts.load(tx, found.account_id) if found else None
    if found is None or account is None:
        return Refused(Reason.LINK_DEAD)
    exists = undo.exists(tx, account, found.subject_id)
    return Containment(
        account_name=account.name,
        two_step=account.two_step,
        undo=found.subject_id.partition(":")[0] if exists else "",
        needs_password=undo.is_last(tx, account, found.subject_id),
    )


async def contain(
    env: Env, visitor: Visitor, *, link: str, typed: str, now: int
) -> Contained | Refused:
    """Secure the account. Refused: LINK_DEAD, PASSWORD_CURRENT_WRONG (typed, and wrong), THROTTLED.

    Raises `Overloaded`.
    """
    found = await env.store.read(_load_link, link, now=now)
    account = await env.store.read(accounts.load, found.account_id) if found else None
    if found is None or account is None:
        return Refused(Reason.LINK_DEAD)
    right = False
    if typed:
        rule = throttle.PASSWORD_ACCOUNT_NETWORK
        key = f"{rule.name}:{account.id}:containment"
        refused = await env.store.run(count_all, [(key, rule)], now=now)
        if refused:
            return Refused(Reason.THROTTLED, retry_at=refused.retry_at)
        verdict = await env.hashes.run(
            password.verify_hash,
            account.password_hash or password.dummy_hash(env.profile),
            typed,
            profile=env.profile,
        )
        right = verdict.ok and account.password_hash is not None
        if not right:
            return await env.store.run(_record_wrong, visitor, account_id=account.id, now=now)
    return await env.store.run(
        _contain, env, visitor, link=link, version=account.password_version, right=right, now=now
    )


def _contain(
    tx: Tx, env: Env, visitor: Visitor, *, link: str, version: int, right: bool, now: int
) -> Contained | Refused:
    found = _load_link(tx, link, now=now)
    account = accounts.lock(tx, found.account_id) if found else None
    if found is None or account is None:
        return Refused(Reason.LINK_DEAD)
    if not mail_links.consume(tx, token.digest(link), purpose=NOT_ME, now=now):
        return Refused(Reason.LINK_DEAD)
    right = right and version == account.password_version
    ended = sessions.remove_others(tx, account.id, keep="")
    sessions.remove_known_browsers(tx, account.id)
    # Whoever was in may have asked for these; new links go to the addresses that remain.
    mail_links.remove_open(tx, account.id, purpose=RESET_PASSWORD)
    stored_codes.remove_temporary(tx, account.id)
    undone = undo.take_back(tx, env, account, visitor, undo=found.subject_id, right=right, now=now)
    what = found.subject_id.partition(":")[0] if undone else "nothing"
    done = event.new_event(event.CONTAINMENT_DONE, sessions=ended, undone=what)
    record(tx, account, visitor, done, now=now)
    retire_password(tx, env, account, visitor, reason="not_me", now=now)
    return Contained(ended, undone)


def _record_wrong(tx: Tx, visitor: Visitor, *, account_id: str, now: int) -> Refused:
    refused = Refused(Reason.PASSWORD_CURRENT_WRONG)
    account = accounts.lock(tx, account_id)
    if account is not None:
        told = event.new_event(event.PASSWORD_REFUSED, event.Outcome.REFUSED, reason=refused.reason)
        record(tx, account, visitor, told, now=now)
    return refused


def _load_link(tx: Tx, link: str, *, now: int) -> MailLink | None:
    found = mail_links.load(tx, token.digest(link), purpose=NOT_ME)
    if found is None or found.used_at is not None:
        return None
    return found if found.created_at <= now < found.expires_at else None
