"""Remove, rename and order the ways to sign in; turn two-step sign-in off."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import event
from twostep.core.account import Account
from twostep.core.authenticator import LONGEST_NAME, MethodKind, may_remove, method_name
from twostep.core.refusal import Reason, Refused
from twostep.core.session import Session
from twostep.delivery.notice import NoticeKind
from twostep.flows.env import Env, Visitor
from twostep.flows.notify import notify
from twostep.flows.record import record
from twostep.store import accounts, apps, challenges, phones
from twostep.store import recovery_codes as stored_codes
from twostep.store.methods import load_methods
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Removed:
    """What went. `name`: an app's name, `hint`: a phone's last digits."""

    kind: MethodKind
    name: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Disabled:
    """Two-step sign-in is off; how much was wiped."""

    apps: int
    phones: int
    codes: int


@dataclass(frozen=True, slots=True)
class Done:
    """The change was made."""


def remove_method(
    tx: Tx, env: Env, visitor: Visitor, current: Session, *, method_id: str, now: int
) -> Removed | Refused:
    """Remove an app or a phone of the account.

    Refused: NOT_FOUND (also for somebody else's), LAST_AUTHENTICATOR.
    """
    account = accounts.lock(tx, current.account_id)
    if account is None:
        return Refused(Reason.CHANGED)
    methods = load_methods(tx, account.id)
    for app in methods.apps:
        if app.id == method_id:
            if account.two_step and not may_remove(methods, kind=MethodKind.APP):
                return Refused(Reason.LAST_AUTHENTICATOR)
            apps.remove_app(tx, app.id, account_id=account.id)
            removed = Removed(MethodKind.APP, name=app.name)
            _tell(tx, env, account, visitor, removed, method_id=app.id, now=now)
            return removed
    for phone in methods.phones:
        if phone.id == method_id:
            challenges.end_all_of_phone(tx, phone.id, now=now)
            phones.remove(tx, phone.id, account_id=account.id)
            removed = Removed(MethodKind.PHONE, hint=phone.hint)
            _tell(tx, env, account, visitor, removed, method_id=phone.id, now=now)
            return removed
    return Refused(Reason.NOT_FOUND)


def rename_method(tx: Tx, current: Session, *, method_id: str, name: str) -> Done | Refused:
    """Give an app another name; an empty one brings the date back."""
    name = name.strip()
    if len(name) > LONGEST_NAME:
        return Refused(Reason.NAME_TOO_LONG, detail={"maximum": LONGEST_NAME})
    account = accounts.lock(tx, current.account_id)
    if account is None:
        return Refused(Reason.CHANGED)
    if not apps.rename_app(tx, method_id, account_id=account.id, name=name):
        return Refused(Reason.NOT_FOUND)
    return Done()


def set_default(
    tx: Tx, visitor: Visitor, current: Session, *, method_id: str, now: int
) -> Done | Refused:
    """Let this way come first on the code page."""
    account = accounts.lock(tx, current.account_id)
    if account is None:
        return Refused(Reason.CHANGED)
    methods = load_methods(tx, account.id)
    kinds = {app.id: MethodKind.APP for app in methods.apps}
    kinds |= {phone.id: MethodKind.PHONE for phone in methods.phones}
    if method_id not in kinds:
        return Refused(Reason.NOT_FOUND)
    method = method_name(kinds[method_id], method_id)
    if method != account.default_method:
        accounts.save_default_method(tx, account.id, method=method)
        record(
            tx,
            account,
            visitor,
            event.new_event(event.DEFAULT_CHANGED, method=method, to=str(kinds[method_id])),
            now=now,
        )
    return Done()


def disable(
    tx: Tx, env: Env, visitor: Visitor, current: Session, *, now: int
) -> Disabled | Refused:
    """Turn two-step sign-in off and wipe secrets, phones and codes; enabling again starts clean.

    Refused: NOT_ALLOWED (policy asks for two-step sign-in), CHANGED (it was off already), and
    PASSWORD_TOO_SHORT where the password was set with the shorter minimum.
    """
    account = accounts.lock(tx, current.account_id)
    if account is None or not account.two_step:
        return Refused(Reason.CHANGED)
    if refused := refuse_disabling(env, account):
        return refused
    wiped = wipe_methods(tx, account)
    record(
        tx,
        account,
        visitor,
        event.new_event(
            event.TWO_STEP_DISABLED,
            apps=wiped.apps,
            phones=wiped.phones,
            codes=wiped.codes,
            by=visitor.source.actor,
        ),
        now=now,
    )
    accounts.save_two_step(tx, account.id, on=False, now=now)
    notify(tx, env, account, NoticeKind.TWO_STEP_DISABLED, visitor=visitor, now=now)
    return wiped


def refuse_disabling(env: Env, account: Account) -> Refused | None:
    """Why two-step sign-in cannot be turned off now, if so."""
    required = env.settings.policy.require_two_step
    if required == "all" or (required == "operators" and account.role == "operator"):
        return Refused(Reason.NOT_ALLOWED)
    if account.password_short:
        return Refused(Reason.PASSWORD_TOO_SHORT, detail={"minimum": 15})
    return None


def wipe_methods(tx: Tx, account: Account) -> Disabled:
    """Delete every authenticator of the account."""
    return Disabled(
        apps=apps.remove_all(tx, account.id),
        phones=phones.remove_all(tx, account.id),
        codes=stored_codes.remove_set(tx, account.id),
    )


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
    if removed.kind is MethodKind.APP:
        gone = event.new_event(event.APP_REMOVED, method=method, name=removed.name)
        notify(
            tx, env, account, NoticeKind.APP_REMOVED, visitor=visitor, now=now,
            method=removed.name,
        )  # fmt: skip
    else:
        gone = event.new_event(event.PHONE_REMOVED, method=method, hint=removed.hint)
        notify(
            tx, env, account, NoticeKind.PHONE_REMOVED, visitor=visitor, now=now,
            hint=removed.hint,
        )  # fmt: skip
    record(tx, account, visitor, gone, now=now)
