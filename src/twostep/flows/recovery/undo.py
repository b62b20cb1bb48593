"""Undo what a "This wasn't me" report is about, named as `kind:id`.

A mailed link reaches whoever reads the mailbox, so it only undoes what was added beside an older app or
passkey. It never removes the last one and never turns two-step sign-in off (security: Notices).
"""

from __future__ import annotations

from twostep.core.account import Account
from twostep.core.audit import event
from twostep.core.methods.authenticator import MethodKind
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.methods.remove import find_method, remove_and_notify
from twostep.flows.turn import Turn
from twostep.store.account import addresses
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


def may_undo(turn: Turn, account: Account, undo: str) -> bool:
    """Whether a link may undo it: an app or passkey only if an older one remains."""
    methods = load_methods(turn.tx, account.id)
    method = find_method(methods, undo.partition(":")[2])
    if method is None or method.kind is MethodKind.PHONE:
        return True
    made = [(row.created_at, row.id) for row in methods.apps]
    made += [(row.created_at, row.id) for row in methods.passkeys]
    return min(made)[1] != undo.partition(":")[2]


def take_back(turn: Turn, account: Held, *, undo: str) -> bool:
    """Undo it, if it exists and a link may, and notify every address."""
    kind, _, subject_id = undo.partition(":")
    if not exists(turn, account, undo) or not may_undo(turn, account, undo):
        return False
    if kind == "codes":
        backup_codes.remove_set(turn.tx, account.id)
        return True
    if kind == "email":
        return _remove_address(turn, account, address_id=subject_id)
    method = find_method(load_methods(turn.tx, account.id), subject_id)
    if method is not None:
        remove_and_notify(turn, account, method, method_id=subject_id)
    return method is not None


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
