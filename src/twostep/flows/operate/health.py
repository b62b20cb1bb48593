"""What only the database can tell about an installation's health."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import sealing
from twostep.flows.proof.apps_ahead import count_ahead
from twostep.flows.turn import Turn
from twostep.flows.unseal import APP_SECRET
from twostep.store import installation
from twostep.store import move_marks as copy_marks
from twostep.store.account import accounts
from twostep.store.engine import open as engines
from twostep.store.engine import schema
from twostep.store.methods import apps
from twostep.store.operate import server_limits


# The fact under which `bench.seed` counts the accounts that it made.
SEEDED = "seeded"


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


def view_health(turn: Turn) -> Health:
    """Look at what is there. `apps_ahead`: apps that refuse codes, see `clock_health`."""
    connections = turn.env.settings.database_connections + 1  # one listens
    return Health(
        accounts=accounts.count(turn.tx),
        has_operator=accounts.has_operator(turn.tx),
        keys_open=_keys_open(turn),
        apps_ahead=count_ahead(turn),
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


def is_ready(turn: Turn) -> bool:
    """Whether the database answers and this program may use it, by the rules of the start: a schema
    of its own or a newer one that serves it, and no mark of a move."""
    row = turn.tx.one(schema.VERSION_SQL)
    try:
        schema.review(row[0] if row else None, installation.load(turn.tx, schema.COMPATIBLE_FROM))
        copy_marks.review(turn.tx)
    except engines.UNUSABLE:
        return False
    return True
