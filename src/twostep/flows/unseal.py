"""Open sealed values. One that does not open is never a crash: the flow refuses as for a wrong code,
and the break is written down.
"""

from __future__ import annotations

import structlog

from twostep.core import sealing
from twostep.core.audit import event
from twostep.core.audit.event import SYSTEM, Outcome
from twostep.core.sealing import SealBroken
from twostep.flows.env import Env
from twostep.store.account import accounts
from twostep.store.audit import trail as audit
from twostep.store.tx import Tx


log = structlog.get_logger(__name__)

APP_SECRET = "apps.secret"


def unseal(env: Env, blob: bytes, *, purpose: str, row_id: str, account_id: str) -> bytes:
    """Decrypt one cell. A key that is not known yet is looked for in the key file first.

    Raises `SealBroken`, which is logged.
    """
    ring = _ring_for(env, blob)
    try:
        return sealing.open_sealed(
            ring, blob, purpose=purpose, row_id=row_id, account_id=account_id
        )
    except SealBroken as broken:
        log.error(  # noqa: TRY400  the text names no secret, and a trace says nothing more
            "seal.broken", purpose=purpose, row=row_id, account=account_id, why=str(broken)
        )
        raise


def mac_matches(env: Env, data: bytes, stored: bytes, *, purpose: str) -> bool:
    """Compare a check value in constant time, also under a key that was added a moment ago."""
    return sealing.mac_matches(_ring_for(env, stored), data, stored, purpose=purpose)


def tell_broken(tx: Tx, account_id: str, *, purpose: str, method: str = "", now: int) -> None:
    """Write down that a value of the account did not open."""
    account = accounts.lock(tx, account_id)
    if account is None:
        return
    audit.append(
        tx,
        event.new_event(event.SEAL_BROKEN, Outcome.FAILED, method=method, purpose=purpose),
        account=account,
        source=SYSTEM,
        now=now,
    )


def _ring_for(env: Env, blob: bytes) -> sealing.Keyring:
    ring = env.keyring
    return ring if sealing.is_known(ring, blob) else env.keys.look()
