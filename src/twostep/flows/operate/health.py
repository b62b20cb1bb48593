"""What only the database can tell about an installation's health."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import sealing
from twostep.flows.env import Env
from twostep.flows.operate.seed import SEEDED
from twostep.flows.proof.apps_ahead import count_ahead
from twostep.flows.unseal import APP_SECRET
from twostep.store import installation
from twostep.store import move_marks as copy_marks
from twostep.store.account import accounts
from twostep.store.engine import open as engines
from twostep.store.engine import schema
from twostep.store.methods import apps
from twostep.store.operate import server_limits
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Health:
    """`keys_open`: whether the newest sealed secret opens; None when there is none yet.

    `connections`: how many this process may have at most; `allowed_connections`: how many the
    server of the database allows, where those are fewer.
    """

    accounts: int
    has_operator: bool
    keys_open: bool | None
    seeded: int
    apps_ahead: int
    connections: int
    allowed_connections: int | None


def view_health(tx: Tx, env: Env, *, now: int) -> Health:
    """Look at what is there. `apps_ahead`: apps that refuse codes, see `clock_health`."""
    connections = env.settings.database_connections + 1  # one listens
    return Health(
        accounts=accounts.count(tx),
        has_operator=accounts.has_operator(tx),
        keys_open=_keys_open(tx, env),
        apps_ahead=count_ahead(tx, now=now),
        seeded=int(installation.load(tx, SEEDED) or 0),
        connections=connections,
        allowed_connections=server_limits.load_short_connections(tx, wanted=connections),
    )


def _keys_open(tx: Tx, env: Env) -> bool | None:
    app = apps.load_newest(tx)
    if app is None:
        return None
    try:
        sealing.open_sealed(
            env.keyring,
            app.secret,
            purpose=APP_SECRET,
            row_id=app.id,
            account_id=app.account_id,
        )
    except sealing.SealBroken:
        return False
    return True


def is_ready(tx: Tx) -> bool:
    """Whether the database answers and this program may use it, by the rules of the start: a schema
    of its own or a newer one that serves it, and no mark of a move."""
    row = tx.one(schema.VERSION_SQL)
    try:
        schema.review(row[0] if row else None, installation.load(tx, schema.COMPATIBLE_FROM))
        copy_marks.review(tx)
    except engines.UNUSABLE:
        return False
    return True
