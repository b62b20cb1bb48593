"""Everything with which an account can pass its second step, in one read."""

from __future__ import annotations

from twostep.core.methods.authenticator import Methods
from twostep.store.methods import apps, passkeys, phones
from twostep.store.methods import backup_codes as recovery_codes
from twostep.store.tx import Tx


def load_methods(tx: Tx, account_id: str) -> Methods:
    """Apps, confirmed phones, passkeys, and the set of backup codes."""
    recovery_set = recovery_codes.load_set(tx, account_id)
    return Methods(
        apps=apps.list_apps(tx, account_id),
        phones=phones.list_confirmed(tx, account_id),
        codes=recovery_codes.list_codes(tx, recovery_set.id) if recovery_set else (),
        recovery_set=recovery_set,
        passkeys=passkeys.list_passkeys(tx, account_id),
    )
