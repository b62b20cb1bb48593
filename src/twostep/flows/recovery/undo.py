"""Undo what a "This wasn't me" report is about, named as `kind:id`."""

from __future__ import annotations

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.policy.rules import may_remove
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.methods.remove import find_method, remove_and_notify
from twostep.flows.methods.two_step import disabled_event, wipe_methods
from twostep.flows.turn import Turn
from twostep.store.account import accounts, addresses
from twostep.store.account.accounts import Held
from twostep.store.methods import backup_codes
from twostep.store.methods.all_methods import load_methods


METHODS = frozenset({"app", "passkey", "phone"})


def exists(turn: Turn, account: Account, undo: str) -> bool:
    """Whether the thing to undo still exists."""
    kind, _, subject_id = undo.partition(":")
    if kind in METHODS:
        return find_method(load_methods(turn.tx, account.id), subject_id) is not None
    if kind == "codes":
        codes = backup_codes.load_set(turn.tx, account.id)
        return codes is not None and codes.id == subject_id
    return kind == "email" and any(
        address.id == subject_id for address in addresses.list_addresses(turn.tx, account.id)
    )


def is_last(turn: Turn, account: Account, undo: str) -> bool:
    """Whether it is the only app or passkey left."""
    methods = load_methods(turn.tx, account.id)
    method = find_method(methods, undo.partition(":")[2])
    return account.two_step and method is not None and not may_remove(methods, kind=method.kind)


def take_back(turn: Turn, account: Held, *, undo: str, right: bool) -> bool:
    """Undo it and notify every address; the last app or passkey only with the right password."""
    kind, _, subject_id = undo.partition(":")
    if not exists(turn, account, undo):
        return False
    if kind == "codes":
        backup_codes.remove_set(turn.tx, account.id)
        return True
    if kind == "email":
        return _remove_address(turn, account, address_id=subject_id)
    if is_last(turn, account, undo):
        if right:
            _disable_two_step(turn, account)
        return right
    method = find_method(load_methods(turn.tx, account.id), subject_id)
    if method is not None:
        remove_and_notify(turn, account, method, method_id=subject_id)
    return method is not None


def _disable_two_step(turn: Turn, account: Held) -> None:
    wiped = wipe_methods(turn, account)
    accounts.save_two_step(turn.tx, account, on=False, now=turn.now)
    turn.record(account, disabled_event(wiped, by="containment"))
    turn.notify(account, NoticeKind.TWO_STEP_DISABLED)


def _remove_address(turn: Turn, account: Held, *, address_id: str) -> bool:
    """Remove an address, and notify it too, unless it is the last verified one."""
    listed = addresses.list_addresses(turn.tx, account.id)
    verified = tuple(row.address for row in listed if row.verified_at is not None)
    address = next(row for row in listed if row.id == address_id)
    if len(verified) <= 1:
        return False
    addresses.remove_address(turn.tx, address_id, account_id=account.id)
    turn.record(account, event.new_event(event.EMAIL_REMOVED))
    turn.notify(account, NoticeKind.EMAIL_REMOVED, to=verified, address=address.address)
    return True
