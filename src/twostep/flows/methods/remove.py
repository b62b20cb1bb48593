"""Remove, rename and order the ways to sign in; turn two-step sign-in off."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.audit import event
from twostep.core.methods.authenticator import LONGEST_NAME, MethodKind, Methods, method_name
from twostep.core.policy.rules import may_remove
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Session
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.proof.remembered_browsers import forget_browsers
from twostep.flows.turn import Done, Turn
from twostep.store.account import accounts
from twostep.store.account.accounts import Held
from twostep.store.methods import apps, challenges, passkeys, phones
from twostep.store.methods.all_methods import load_methods


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


def remove_method(turn: Turn, current: Session, *, method_id: str) -> Removed | Refused:
    """Remove an app, phone or passkey of the account; browsers are no longer remembered.

    Refused: NOT_FOUND (also for somebody else's), LAST_AUTHENTICATOR.
    """
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    methods = load_methods(turn.tx, account.id)
    removed = find_method(methods, method_id)
    if removed is None:
        return Refused(Reason.NOT_FOUND)
    if account.two_step and not may_remove(methods, kind=removed.kind):
        return Refused(Reason.LAST_AUTHENTICATOR)
    take_away(turn, account, removed, method_id=method_id)
    return removed


def take_away(turn: Turn, account: Held, removed: Removed, *, method_id: str) -> None:
    """Remove a way to sign in of the locked account, for whatever reason, and tell its owner."""
    match removed.kind:
        case MethodKind.APP:
            apps.remove_app(turn.tx, method_id, account_id=account.id)
        case MethodKind.PASSKEY:
            passkeys.remove_passkey(turn.tx, method_id, account_id=account.id)
        case _:
            challenges.end_all_of_phone(turn.tx, method_id, now=turn.now)
            phones.remove(turn.tx, method_id, account_id=account.id)
    forget_browsers(turn, account)
    _tell(turn, account, removed, method_id=method_id)


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


def rename_method(turn: Turn, current: Session, *, method_id: str, name: str) -> Done | Refused:
    """Give an app or passkey another name; an empty one brings the date back.

    Refused: NAME_TOO_LONG, NOT_FOUND (also for somebody else's).
    """
    name = name.strip()
    if len(name) > LONGEST_NAME:
        return Refused(Reason.NAME_TOO_LONG, detail={"maximum": LONGEST_NAME})
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    found = find_method(load_methods(turn.tx, account.id), method_id)
    if found is None or found.kind is MethodKind.PHONE:
        return Refused(Reason.NOT_FOUND)
    if name != found.name:
        rename = apps.rename_app if found.kind is MethodKind.APP else passkeys.rename_passkey
        rename(turn.tx, method_id, account_id=account.id, name=name)
        method = method_name(found.kind, method_id)
        renamed = event.new_event(event.METHOD_RENAMED, method=method, name=name)
        turn.record(account, renamed)
    return Done()


def set_default(turn: Turn, current: Session, *, method_id: str) -> Done | Refused:
    """Let this way come first on the code page; every address is told."""
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    found = find_method(load_methods(turn.tx, account.id), method_id)
    if found is None:
        return Refused(Reason.NOT_FOUND)
    method = method_name(found.kind, method_id)
    if method != account.default_method:
        accounts.save_default_method(turn.tx, account, method=method)
        turn.record(
            account, event.new_event(event.DEFAULT_CHANGED, method=method, to=str(found.kind))
        )
        kind = NoticeKind.DEFAULT_CHANGED
        turn.notify(account, kind, method=found.name)
    return Done()


def _tell(turn: Turn, account: Held, removed: Removed, *, method_id: str) -> None:
    method = method_name(removed.kind, method_id)
    if account.default_method == method:
        accounts.save_default_method(turn.tx, account, method=None)
    if removed.kind in _GONE:
        kind, told = _GONE[removed.kind]
        gone = event.new_event(kind, method=method, name=removed.name)
        turn.notify(account, told, method=removed.name)
    else:
        gone = event.new_event(event.PHONE_REMOVED, method=method, hint=removed.hint)
        turn.notify(account, NoticeKind.PHONE_REMOVED, hint=removed.hint)
    turn.record(account, gone)
