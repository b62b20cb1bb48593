"""Open sealed values. A broken seal is the installation's fault, never a wrong guess: where nothing
else can be tried, the door answers 503 with a reference, and records it.
"""

from __future__ import annotations

import structlog

from twostep.core import sealing
from twostep.core.audit import event
from twostep.core.audit.event import SYSTEM, Outcome
from twostep.core.methods.authenticator import MethodKind, method_name
from twostep.core.sealing import Keyring, SealBroken
from twostep.flows.env import Env
from twostep.store.account import accounts
from twostep.store.audit import trail
from twostep.store.tx import Tx


log = structlog.get_logger(__name__)

APP_SECRET = "apps.secret"


class Unreadable(SealBroken):
    """A value of this account does not open. `method`: the way to sign in that it belongs to."""

    def __init__(self, why: str, *, purpose: str, row_id: str, account_id: str) -> None:
        super().__init__(why)
        self.purpose = purpose
        self.row_id = row_id
        self.account_id = account_id

    @property
    def method(self) -> str:
        """Its name in events; empty if it is none."""
        return method_name(MethodKind.APP, self.row_id) if self.purpose == APP_SECRET else ""


def unseal(env: Env, blob: bytes, *, purpose: str, row_id: str, account_id: str) -> bytes:
    """Decrypt one cell, re-reading the key file first if its key is unknown.

    Logs and raises `Unreadable`.
    """
    ring = _ring_for(env, blob)
    try:
        return sealing.open_sealed(
            ring, blob, purpose=purpose, row_id=row_id, account_id=account_id
        )
    except SealBroken as broken:
        raise _unreadable(str(broken), purpose, row_id, account_id) from None


def mac_matches(
    env: Env, data: bytes, stored: bytes, *, purpose: str, row_id: str, account_id: str
) -> bool:
    """Compare a MAC in constant time, re-reading the key file first if its key is unknown.

    Logs and raises `Unreadable` if it stays unknown.
    """
    ring = _ring_for(env, stored)
    if not sealing.is_known(ring, stored):
        why = f"{purpose}: made with a key that is not in the key file"
        raise _unreadable(why, purpose, row_id, account_id)
    return sealing.mac_matches(ring, data, stored, purpose=purpose)


def record_broken_seal(
    tx: Tx, account_id: str, *, purpose: str, keyring: Keyring, method: str = "", now: int
) -> None:
    """Record that one of the account's sealed values did not open."""
    account = accounts.lock(tx, account_id)
    if account is None:
        return
    trail.append(
        tx,
        event.new_event(event.SEAL_BROKEN, Outcome.FAILED, method=method, purpose=purpose),
        account=account,
        source=SYSTEM,
        now=now,
        keyring=keyring,
    )


def _ring_for(env: Env, blob: bytes) -> sealing.Keyring:
    ring = env.keyring
    return ring if sealing.is_known(ring, blob) else env.keys.refresh()


def _unreadable(why: str, purpose: str, row_id: str, account_id: str) -> Unreadable:
    # The text names no secret.
    log.error("seal.broken", purpose=purpose, row=row_id, account=account_id, why=why)
    return Unreadable(why, purpose=purpose, row_id=row_id, account_id=account_id)
