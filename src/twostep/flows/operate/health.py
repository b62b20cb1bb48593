"""Health checks of an installation that need its database."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import sealing
from twostep.flows.env import Env
from twostep.flows.operate.missing_keys import count_missing, missing_at_ends
from twostep.flows.proof.apps_ahead import count_ahead
from twostep.flows.proof.verify_passkey import relying_party
from twostep.flows.turn import Turn
from twostep.flows.unseal import APP_SECRET
from twostep.store import installation, move_marks
from twostep.store.account import accounts
from twostep.store.engine import schema
from twostep.store.engine.open import UNUSABLE
from twostep.store.methods import apps, passkeys
from twostep.store.operate import integrity, server_limits


# The installation fact where `bench.seed` stores how many accounts it created.
SEEDED = "seeded"


@dataclass(frozen=True, slots=True)
class Health:
    """`keys_open`: whether the newest sealed secret opens; None if there is none yet.

    `missing_keys`: what each missing key seals, by its id. `passkeys_elsewhere`: passkeys that are bound
    to another domain than ours, and how many accounts have them, by domain. `connections`: the most
    this process may open; `allowed_connections`: the database server's limit, if that is lower.
    """

    accounts: int
    has_operator: bool
    keys_open: bool | None
    missing_keys: dict[str, dict[str, int]]
    seeded: int
    apps_ahead: int
    passkeys_elsewhere: dict[str, tuple[int, int]]
    connections: int
    allowed_connections: int | None


def view_health(turn: Turn) -> Health:
    """Check the database. `apps_ahead`: apps whose codes are all refused, see `proof.apps_ahead`."""
    connections = turn.env.settings.database_connections + 1  # one for notifications
    return Health(
        accounts=accounts.count(turn.tx),
        has_operator=accounts.has_operator(turn.tx),
        keys_open=_keys_open(turn),
        missing_keys=count_missing(turn.tx, turn.env.keyring),
        apps_ahead=count_ahead(turn),
        passkeys_elsewhere=passkeys.count_elsewhere(turn.tx, relying_party(turn.env).id),
        seeded=int(installation.load(turn.tx, SEEDED) or 0),
        connections=connections,
        allowed_connections=server_limits.load_short_connections(turn.tx, wanted=connections),
    )


def _keys_open(turn: Turn) -> bool | None:
    app = apps.load_newest(turn.tx)
    if app is None:
        return None
    try:
        sealing.open_sealed(
            turn.env.keyring,
            app.secret,
            purpose=APP_SECRET,
            row_id=app.id,
            account_id=app.account_id,
        )
    except sealing.SealBroken:
        return False
    return True


async def find_damage(env: Env) -> str:
    """What is broken in the database's file, and what to do; empty if it is whole."""
    damage = await env.store.read_aside(integrity.find_damage)
    return f"It is damaged ({damage}). Stop the server and restore a backup." if damage else ""


def is_ready(turn: Turn) -> bool:
    """Whether the database answers and passes the checks made at startup: a schema of this version
    or a compatible newer one, no mark of a move, and the keys that its values were sealed with."""
    row = turn.tx.first(schema.VERSION_SQL)
    try:
        schema.review(row[0] if row else None, installation.load(turn.tx, schema.COMPATIBLE_FROM))
        move_marks.review(turn.tx)
    except UNUSABLE:
        return False
    return not missing_at_ends(turn.tx, turn.env.keyring, turn.env.settings.lost_keys)
