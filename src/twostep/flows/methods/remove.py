"""Remove and rename sign-in methods, and choose the default."""

from __future__ import annotations

from collections.abc import Sequence
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


_REMOVAL_OF = {
    MethodKind.APP: (event.APP_REMOVED, NoticeKind.APP_REMOVED),
    MethodKind.PASSKEY: (event.PASSKEY_REMOVED, NoticeKind.PASSKEY_REMOVED),
}


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed. `name`: of an app or passkey. `hint`: a phone's last digits."""

    kind: MethodKind
    name: str = ""
    hint: str = ""


def remove_method(turn: Turn, current: Session, *, method_id: str) -> Removed | Refused:
    """Remove an app, phone or passkey of the account; remembered browsers are forgotten.

    Refused: NOT_FOUND (also for another account's), LAST_AUTHENTICATOR.
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
    remove_and_notify(turn, account, removed, method_id=method_id)
    return removed


def remove_lost(turn: Turn, current: Session, *, method_ids: Sequence[str]) -> Done | Refused:
    """Remove what was on a lost phone, all of it or nothing; remembered browsers are forgotten.

    Refused: NOT_FOUND (also for another account's), LAST_AUTHENTICATOR, CHANGED.
    """
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    methods = load_methods(turn.tx, account.id)
    targets = [(method_id, find_method(methods, method_id)) for method_id in method_ids]
    known = [(method_id, target) for method_id, target in targets if target is not None]
    if len(known) != len(targets):
        return Refused(Reason.NOT_FOUND)
    apps_left = len(methods.apps) - sum(target.kind is MethodKind.APP for _, target in known)
    if not apps_left and not methods.passkeys:
        return Refused(Reason.LAST_AUTHENTICATOR)
    for method_id, target in known:
        remove_and_notify(turn, account, target, method_id=method_id)
    return Done()


def remove_and_notify(turn: Turn, account: Held, removed: Removed, *, method_id: str) -> None:
    """Remove a method of the account, whatever the reason, and notify the owner."""
    match removed.kind:
        case MethodKind.APP:
            apps.remove_app(turn.tx, method_id, account_id=account.id)
        case MethodKind.PASSKEY:
            passkeys.remove_passkey(turn.tx, method_id, account_id=account.id)
        case _:
            challenges.end_all_of_phone(turn.tx, method_id, now=turn.now)
            phones.remove(turn.tx, method_id, account_id=account.id)
    forget_browsers(turn, account)
    _record_removed(turn, account, removed, method_id=method_id)


def find_method(methods: Methods, method_id: str) -> Removed | None:
    """The app, phone or passkey with this id, as the result of removing it."""
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
    """Rename an app or passkey; an empty name shows its date instead.

    Refused: NAME_TOO_LONG, NOT_FOUND (also for another account's).
    """
    name = name.strip()
    if len(name) > LONGEST_NAME:
        return Refused(Reason.NAME_TOO_LONG, detail={"maximum": LONGEST_NAME})
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    target = find_method(load_methods(turn.tx, account.id), method_id)
    if target is None or target.kind is MethodKind.PHONE:
        return Refused(Reason.NOT_FOUND)
    if name != target.name:
        rename = apps.rename_app if target.kind is MethodKind.APP else passkeys.rename_passkey
        rename(turn.tx, method_id, account_id=account.id, name=name)
        method = method_name(target.kind, method_id)
        renamed = event.new_event(event.METHOD_RENAMED, method=method, name=name)
        turn.record(account, renamed)
    return Done()


def set_default(turn: Turn, current: Session, *, method_id: str) -> Done | Refused:
    """Make this method the first choice on the code page, and notify the owner."""
    account = turn.lock(current)
    if account is None:
        return Refused(Reason.CHANGED)
    target = find_method(load_methods(turn.tx, account.id), method_id)
    if target is None:
        return Refused(Reason.NOT_FOUND)
    method = method_name(target.kind, method_id)
    if method != account.default_method:
        accounts.save_default_method(turn.tx, account, method=method)
        turn.record(
            account, event.new_event(event.DEFAULT_CHANGED, method=method, to=str(target.kind))
        )
        kind = NoticeKind.DEFAULT_CHANGED
        turn.notify(account, kind, method=target.name)
    return Done()


def _record_removed(turn: Turn, account: Held, removed: Removed, *, method_id: str) -> None:
    method = method_name(removed.kind, method_id)
    if account.default_method == method:
        accounts.save_default_method(turn.tx, account, method=None)
    if removed.kind in _REMOVAL_OF:
        kind, notice = _REMOVAL_OF[removed.kind]
        removal = event.new_event(kind, method=method, name=removed.name)
        turn.notify(account, notice, method=removed.name)
    else:
        removal = event.new_event(event.PHONE_REMOVED, method=method, hint=removed.hint)
        turn.notify(account, NoticeKind.PHONE_REMOVED, hint=removed.hint)
    turn.record(account, removal)
