"""What a "This wasn't me" link takes back: the thing whose notice it came with, named as `kind:id`."""

from __future__ import annotations

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.policy.rules import may_remove
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.env import Env, Visitor
from twostep.flows.messages.notify import notify
from twostep.flows.methods.remove import find_method, take_away
from twostep.flows.methods.two_step import disabled_event, wipe_methods
from twostep.flows.turn import record
from twostep.store.account import accounts, addresses
from twostep.store.methods import backup_codes as stored_codes
from twostep.store.methods.all_methods import load_methods
from twostep.store.tx import Tx


METHODS = frozenset({"app", "passkey", "phone"})


def exists(tx: Tx, account: Account, undo: str) -> bool:
    """Whether there still is what would be taken back."""
    kind, _, subject_id = undo.partition(":")
    if kind in METHODS:
        return find_method(load_methods(tx, account.id), subject_id) is not None
    if kind == "codes":
        own = stored_codes.load_set(tx, account.id)
        return own is not None and own.id == subject_id
    return kind == "email" and any(
        one.id == subject_id for one in addresses.list_addresses(tx, account.id)
    )


def is_last(tx: Tx, account: Account, undo: str) -> bool:
    """Whether it is the only app or passkey left."""
    methods = load_methods(tx, account.id)
    found = find_method(methods, undo.partition(":")[2])
    return account.two_step and found is not None and not may_remove(methods, kind=found.kind)


def take_back(
    tx: Tx, env: Env, account: Account, visitor: Visitor, *, undo: str, right: bool, now: int
) -> bool:
    """Take it back and tell every address; the last app or passkey only with the right password."""
    kind, _, subject_id = undo.partition(":")
    if not exists(tx, account, undo):
        return False
    if kind == "codes":
        stored_codes.remove_set(tx, account.id)
        return True
    if kind == "email":
        return _take_address(tx, env, account, visitor, address_id=subject_id, now=now)
    if is_last(tx, account, undo):
        if right:
            _turn_off(tx, env, account, visitor, now=now)
        return right
    removed = find_method(load_methods(tx, account.id), subject_id)
    if removed is not None:
        take_away(tx, env, account, visitor, removed, method_id=subject_id, now=now)
    return removed is not None


def _turn_off(tx: Tx, env: Env, account: Account, visitor: Visitor, *, now: int) -> None:
    wiped = wipe_methods(tx, account, visitor.source, now=now)
    accounts.save_two_step(tx, account.id, on=False, now=now)
    record(tx, account, visitor, disabled_event(wiped, by="containment"), now=now)
    notify(tx, env, account, NoticeKind.TWO_STEP_DISABLED, visitor=visitor, now=now)


def _take_address(
    tx: Tx, env: Env, account: Account, visitor: Visitor, *, address_id: str, now: int
) -> bool:
    """Remove an address unless it is the last verified one; it is told too."""
    own = addresses.list_addresses(tx, account.id)
    verified = tuple(one.address for one in own if one.verified_at is not None)
    address = next(one for one in own if one.id == address_id)
    if len(verified) <= 1:
        return False
    addresses.remove_address(tx, address_id, account_id=account.id)
    record(tx, account, visitor, event.new_event(event.EMAIL_REMOVED), now=now)
    notify(
        tx,
        env,
        account,
        NoticeKind.EMAIL_REMOVED,
        visitor=visitor,
        now=now,
        to=verified,
        address=address.address,
    )
    return True
