""" "This wasn't me": the link in every notice, used once, without signing in.

Opening the page changes nothing. Its button ends every session, forgets browsers, undoes what the
notice told of, and retires the password. Undoing never takes the account's last app or passkey unless the
password (a retired one too) is typed on that page.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import event, password, throttle, token
from twostep.core.account import Account
from twostep.core.refusal import Reason, Refused
from twostep.flows.env import Env, Visitor
from twostep.flows.notify import NOT_ME
from twostep.flows.record import record
from twostep.flows.remove import disabled_event, wipe_methods
from twostep.flows.retire import retire_password
from twostep.flows.send_limits import count_all
from twostep.store import accounts, apps, mail_links, passkeys, phones, sessions
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
    kind, _, subject_id = found.subject_id.partition(":")
    exists = _exists(tx, account, kind, subject_id)
    return Containment(
        account_name=account.name,
        two_step=account.two_step,
        undo=kind if exists else "",
        needs_password=exists and kind in {"app", "passkey"} and _is_last(tx, account),
    )


async def contain(
    env: Env, visitor: Visitor, *, link: str, typed: str, now: int
) -> Contained | Refused:
    """Secure the account. Refused: LINK_DEAD, PASSWORD_CURRENT_WRONG (typed, and wrong), THROTTLED.

    Raises `Overloaded`.
    """
    found = env.store.read(_load_link, link, now=now)
    account = env.store.read(accounts.load, found.account_id) if found else None
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
            return Refused(Reason.PASSWORD_CURRENT_WRONG)
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
    kind, _, subject_id = found.subject_id.partition(":")
    undone = _undo(tx, account, kind, subject_id, right=right, visitor=visitor, now=now)
    record(
        tx,
        account,
        visitor,
        event.new_event(
            event.CONTAINMENT_DONE, sessions=ended, undone=kind if undone else "nothing"
        ),
        now=now,
    )
    retire_password(tx, env, account, visitor, reason="not_me", now=now)
    return Contained(ended, undone)


def _load_link(tx: Tx, link: str, *, now: int) -> MailLink | None:
    found = mail_links.load(tx, token.digest(link), purpose=NOT_ME)
    if found is None or found.used_at is not None:
        return None
    return found if found.created_at <= now < found.expires_at else None


def _is_last(tx: Tx, account: Account) -> bool:
    """Whether only one app or passkey is left."""
    left = len(apps.list_apps(tx, account.id)) + len(passkeys.list_passkeys(tx, account.id))
    return account.two_step and left == 1


def _exists(tx: Tx, account: Account, kind: str, subject_id: str) -> bool:
    match kind:
        case "app":
            return any(app.id == subject_id for app in apps.list_apps(tx, account.id))
        case "passkey":
            return any(one.id == subject_id for one in passkeys.list_passkeys(tx, account.id))
        case "phone":
            return phones.load(tx, subject_id, account_id=account.id) is not None
        case "codes":
            own = stored_codes.load_set(tx, account.id)
            return own is not None and own.id == subject_id
        case "email":
            return any(one.id == subject_id for one in accounts.list_addresses(tx, account.id))
        case _:
            return False


def _undo(
    tx: Tx,
    account: Account,
    kind: str,
    subject_id: str,
    *,
    right: bool,
    visitor: Visitor,
    now: int,
) -> bool:
    """Take back what the notice told of; the last app or passkey only with the right password."""
    if not _exists(tx, account, kind, subject_id):
        return False
    match kind:
        case "app" | "passkey" if _is_last(tx, account):
            if not right:
                return False
            wiped = wipe_methods(tx, account, visitor.source, now=now)
            accounts.save_two_step(tx, account.id, on=False, now=now)
            done = disabled_event(wiped, by="containment")
        case "app":
            apps.remove_app(tx, subject_id, account_id=account.id)
            done = event.new_event(event.APP_REMOVED, method=f"app:{subject_id}")
        case "passkey":
            passkeys.remove_passkey(tx, subject_id, account_id=account.id)
            done = event.new_event(event.PASSKEY_REMOVED, method=f"passkey:{subject_id}")
        case "phone":
            phones.remove(tx, subject_id, account_id=account.id)
            done = event.new_event(event.PHONE_REMOVED, method=f"phone:{subject_id}")
        case "codes":
            stored_codes.remove_set(tx, account.id)
            return True
        case _:
            verified = [one for one in accounts.list_addresses(tx, account.id) if one.verified_at]
            if len(verified) <= 1:
                return False
            accounts.remove_address(tx, subject_id, account_id=account.id)
            done = event.new_event(event.EMAIL_REMOVED)
    record(tx, account, visitor, done, now=now)
    return True
