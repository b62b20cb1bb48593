"""Remove, rename and order the ways to sign in; turn two-step sign-in off."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.methods.authenticator import LONGEST_NAME, MethodKind, Methods, method_name
from twostep.core.policy.rules import may_remove
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env, Visitor
from twostep.flows.messages.notify import notify
from twostep.flows.proof.remembered_browsers import forget_browsers
from twostep.flows.turn import Done, lock_owner, record
from twostep.store.account import accounts
from twostep.store.methods import apps, challenges, passkeys, phones
from twostep.store.methods.all_methods import load_methods
from twostep.store.tx import Tx


_GONE = {
    MethodKind.APP: (event.APP_REMOVED, NoticeKind.APP_REMOVED),
    MethodKind.PASSKEY: (event.PASSKEY_REMOVED, NoticeKind.PASSKEY_REMOVED),
}


@dataclass(frozen=True, slots=True)
class Removed:
    """What went. `name`: an app's or passkey's name, `hint`: a phone's last digits."""

    kind: MethodKind
    name: str = ""
    hint: str = ""


def remove_method(
    tx: Tx, env: Env, visitor: Visitor, current: Session, *, method_id: str, now: int
) -> Removed | Refused:
    """Remove an app, phone or passkey of the account; browsers are no longer remembered.

    Refused: NOT_FOUND (also for somebody else's), LAST_AUTHENTICATOR.
    """
    account = lock_owner(tx, current)
    if account is None:
        return Refused(Reason.CHANGED)
    methods = load_methods(tx, account.id)
    removed = find_method(methods, method_id)
    if removed is None:
        return Refused(Reason.NOT_FOUND)
    if account.two_step and not may_remove(methods, kind=removed.kind):
        return Refused(Reason.LAST_AUTHENTICATOR)
    take_away(tx, env, account, visitor, removed, method_id=method_id, now=now)
    return removed


def take_away(
    tx: Tx,
    env: Env,
    account: Account,
    visitor: Visitor,
    removed: Removed,
    *,
    method_id: str,
    now: int,
) -> None:
    """Remove a way to sign in of the locked account, for whatever reason, and tell its owner."""
    match removed.kind:
        case MethodKind.APP:
            apps.remove_app(tx, method_id, account_id=account.id)
        case MethodKind.PASSKEY:
            passkeys.remove_passkey(tx, method_id, account_id=account.id)
        case _:
            challenges.end_all_of_phone(tx, method_id, now=now)
            phones.remove(tx, method_id, account_id=account.id)
    forget_browsers(tx, account, visitor.source, now=now)
    _tell(tx, env, account, visitor, removed, method_id=method_id, now=now)


def find_method(methods: Methods, method_id: str) -> Removed | None:
    """The app, phone or passkey with that id, as what would go with it."""
    for app in methods.apps:
        if app.id == method_id:
            return Removed(MethodKind.APP, name=app.name)
    for passkey in methods.passkeys:
        if passkey.id == method_id:
            return Removed(MethodKind.PASSKEY, name=passkey.name)
    for phone in methods.phones:
        if phone.id == method_id:
            return Removed(MethodKind.PHONE, hint=phone.hint)
    return None


def rename_method(
    tx: Tx, visitor: Visitor, current: Session, *, method_id: str, name: str, now: int
) -> Done | Refused:
    """Give an app or passkey another name; an empty one brings the date back.

    Refused: NAME_TOO_LONG, NOT_FOUND (also for somebody else's).
    """
    name = name.strip()
    if len(name) > LONGEST_NAME:
        return Refused(Reason.NAME_TOO_LONG, detail={"maximum": LONGEST_NAME})
    account = lock_owner(tx, current)
    if account is None:
        return Refused(Reason.CHANGED)
    found = find_method(load_methods(tx, account.id), method_id)
    if found is None or found.kind is MethodKind.PHONE:
        return Refused(Reason.NOT_FOUND)
    if name != found.name:
        rename = apps.rename_app if found.kind is MethodKind.APP else passkeys.rename_passkey
        rename(tx, method_id, account_id=account.id, name=name)
        method = method_name(found.kind, method_id)
        renamed = event.new_event(event.METHOD_RENAMED, method=method, name=name)
        record(tx, account, visitor, renamed, now=now)
    return Done()


def set_default(
    tx: Tx, env: Env, visitor: Visitor, current: Session, *, method_id: str, now: int
) -> Done | Refused:
    """Let this way come first on the code page; every address is told."""
    account = lock_owner(tx, current)
    if account is None:
        return Refused(Reason.CHANGED)
    found = find_method(load_methods(tx, account.id), method_id)
    if found is None:
        return Refused(Reason.NOT_FOUND)
    method = method_name(found.kind, method_id)
    if method != account.default_method:
        accounts.save_default_method(tx, account.id, method=method)
        record(
            tx,
            account,
            visitor,
            event.new_event(event.DEFAULT_CHANGED, method=method, to=str(found.kind)),
            now=now,
        )
        kind = NoticeKind.DEFAULT_CHANGED
        notify(tx, env, account, kind, visitor=visitor, now=now, method=found.name)
    return Done()


def _tell(
    tx: Tx,
    env: Env,
    account: Account,
    visitor: Visitor,
    removed: Removed,
    *,
    method_id: str,
    now: int,
) -> None:
    method = method_name(removed.kind, method_id)
    if account.default_method == method:
        accounts.save_default_method(tx, account.id, method=None)
    if removed.kind in _GONE:
        kind, told = _GONE[removed.kind]
        gone = event.new_event(kind, method=method, name=removed.name)
        notify(tx, env, account, told, visitor=visitor, now=now, method=removed.name)
    else:
        gone = event.new_event(event.PHONE_REMOVED, method=method, hint=removed.hint)
        notify(
            tx, env, account, NoticeKind.PHONE_REMOVED, visitor=visitor, now=now,
            hint=removed.hint,
        )  # fmt: skip
    record(tx, account, visitor, gone, now=now)
