"""Authenticator apps and the wizard's pending secrets."""

from __future__ import annotations

from twostep.core.methods.authenticator import App, PendingApp
from twostep.core.methods.totp import Drift
from twostep.store import tables
from twostep.store.tx import Tx


_COLUMNS = tables.columns(App)


def list_apps(tx: Tx, account_id: str) -> tuple[App, ...]:
    """Every app of the account, oldest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM apps WHERE account_id = :id ORDER BY created_at, id",
        id=account_id,
    )
    return tuple(App(*row) for row in rows)


def load_newest(tx: Tx) -> App | None:
    """The app that was added last, of whichever account."""
    row = tx.first(f"SELECT {_COLUMNS} FROM apps ORDER BY created_at DESC, id DESC LIMIT 1")
    return None if row is None else App(*row)


def insert_app(tx: Tx, app: App, *, origin: str) -> None:
    """Add a confirmed app. `origin`: `enrolled`, or where it was imported from."""
    tables.insert(tx, "apps", app, origin=origin)


def advance_step(tx: Tx, app_id: str, *, step: int, drift: Drift, now: int, browser: str) -> bool:
    """Burn `step` and every earlier one. False: another request got there first."""
    return (
        tx.run(
            "UPDATE apps SET last_step = :step, centre = :centre, edge_run = :edge_run,"
            " last_used_at = :now, last_used_browser = :browser WHERE id = :id AND last_step < :step",
            id=app_id,
            step=step,
            centre=drift.centre,
            edge_run=drift.edge_run,
            now=now,
            browser=browser,
        )
        == 1
    )


def count_ahead(tx: Tx, *, now: int, steps: int) -> int:
    """How many apps accepted a code that lies more than `steps` steps ahead of `now`."""
    row = tx.first(
        "SELECT count(*) FROM apps WHERE last_step > :now / period_seconds + :steps",
        now=now,
        steps=steps,
    )
    return int(row[0]) if row else 0


def list_ahead(tx: Tx, *, now: int, steps: int, limit: int) -> list[App]:
    """Those apps, by account."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM apps WHERE last_step > :now / period_seconds + :steps"
        " ORDER BY account_id, id LIMIT :limit",
        now=now,
        steps=steps,
        limit=limit,
    )
    return [App(*row) for row in rows]


def move_step_back(tx: Tx, app_id: str, *, step: int) -> None:
    """Burn `step` and every earlier one, and no later one any more."""
    tx.do(
        "UPDATE apps SET last_step = :step, centre = 0, edge_run = 0 WHERE id = :id",
        id=app_id,
        step=step,
    )


def rename_app(tx: Tx, app_id: str, *, account_id: str, name: str) -> bool:
    """Give an app of the account another name."""
    return (
        tx.run(
            "UPDATE apps SET name = :name WHERE id = :id AND account_id = :account",
            id=app_id,
            account=account_id,
            name=name,
        )
        == 1
    )


def remove_app(tx: Tx, app_id: str, *, account_id: str) -> bool:
    """Delete an app of the account, secret and all."""
    return (
        tx.run(
            "DELETE FROM apps WHERE id = :id AND account_id = :account",
            id=app_id,
            account=account_id,
        )
        == 1
    )


def remove_all(tx: Tx, account_id: str) -> int:
    """Delete every app and pending secret of the account; the number of apps."""
    tx.do("DELETE FROM pending_apps WHERE account_id = :id", id=account_id)
    return tx.run("DELETE FROM apps WHERE account_id = :id", id=account_id)


def load_pending(tx: Tx, session_id: str) -> PendingApp | None:
    """The secret that this session's wizard shows."""
    row = tx.first(
        f"SELECT {tables.columns(PendingApp)} FROM pending_apps WHERE session_id = :id",
        id=session_id,
    )
    return None if row is None else PendingApp(*row)


def save_pending(tx: Tx, pending: PendingApp) -> None:
    """Keep the wizard's secret, in place of an earlier one of the same session."""
    tables.upsert(tx, "pending_apps", pending, on="session_id")


def take_pending(tx: Tx, pending_id: str, *, session_id: str) -> bool:
    """Burn the wizard's secret. False: another request got there first."""
    return (
        tx.run(
            "DELETE FROM pending_apps WHERE id = :id AND session_id = :session",
            id=pending_id,
            session=session_id,
        )
        == 1
    )


def purge_pending(tx: Tx, *, before: int, limit: int) -> int:
    """Drop secrets of wizards whose time was over before then."""
    return tx.run(
        "DELETE FROM pending_apps WHERE session_id IN (SELECT session_id FROM pending_apps"
        " WHERE expires_at < :before LIMIT :limit)",
        before=before,
        limit=limit,
    )
