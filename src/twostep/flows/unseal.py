"""Open sealed values. A broken seal never crashes a flow: it refuses as for a wrong code, and the
broken seal is recorded.
"""

from __future__ import annotations

import structlog

from twostep.core import sealing
from twostep.core.audit import event
from twostep.core.audit.event import SYSTEM, Outcome
from twostep.core.sealing import SealBroken
from twostep.flows.env import Env
from twostep.store.account import accounts
from twostep.store.audit import trail
from twostep.store.tx import Tx


log = structlog.get_logger(__name__)

APP_SECRET = "apps.secret"


def unseal(env: Env, blob: bytes, *, purpose: str, row_id: str, account_id: str) -> bytes:
    """Decrypt one cell, re-reading the key file first if its key is unknown.

    Logs and raises `SealBroken`.
    """
    ring = _ring_for(env, blob)
    try:
        return sealing.open_sealed(
            ring, blob, purpose=purpose, row_id=row_id, account_id=account_id
        )
    except SealBroken as broken:
        log.error(  # noqa: TRY400  the text names no secret, and a traceback adds nothing
            "seal.broken", purpose=purpose, row=row_id, account=account_id, why=str(broken)
        )
        raise


def mac_matches(env: Env, data: bytes, stored: bytes, *, purpose: str) -> bool:
    """Compare a MAC in constant time, re-reading the key file first if its key is unknown."""
    return sealing.mac_matches(_ring_for(env, stored), data, stored, purpose=purpose)


def record_broken_seal(
    tx: Tx, account_id: str, *, purpose: str, method: str = "", now: int
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
    )


def _ring_for(env: Env, blob: bytes) -> sealing.Keyring:
    ring = env.keyring
    return ring if sealing.is_known(ring, blob) else env.keys.refresh()
