"""The data for the dashboard and for the page of all settings."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Account, Role
from twostep.core.methods.authenticator import Methods
from twostep.core.sign_in.session import Session
from twostep.flows.account.activity import Activity, list_activity, load_previous_sign_in
from twostep.flows.proof.apps_ahead import was_clock_ahead
from twostep.flows.turn import Turn
from twostep.store.account import addresses as stored_addresses
from twostep.store.methods import passkeys
from twostep.store.methods.all_methods import load_methods
from twostep.store.sign_in import sessions


ROWS = 3


@dataclass(frozen=True, slots=True)
class DashboardView:
    """`previous`: the sign-in before this session's. `handle`: the account's
    WebAuthn user handle, None before the first passkey. `clock_was_ahead`: for operators."""

    methods: Methods
    previous: Activity | None
    activity: tuple[Activity, ...]
    handle: bytes | None
    clock_was_ahead: bool


@dataclass(frozen=True, slots=True)
class SettingsView:
    """Counts of everything that has its own page."""

    methods: Methods
    emails: int
    sessions: int


def view_dashboard(turn: Turn, account: Account, current: Session) -> DashboardView:
    """Read the dashboard of a signed-in user."""
    return DashboardView(
        methods=load_methods(turn.tx, account.id),
        previous=load_previous_sign_in(turn, account.id, before=current.created_at),
        activity=tuple(list_activity(turn, account.id, limit=8 * ROWS)),
        handle=passkeys.load_handle(turn.tx, account.id),
        clock_was_ahead=account.role is Role.OPERATOR and was_clock_ahead(turn),
    )


def view_settings(turn: Turn, account: Account) -> SettingsView:
    """Read the counts for the page of all settings."""
    live = sessions.list_live(
        turn.tx, account.id, now=turn.now, seen_after=turn.now - turn.env.limits.idle_seconds
    )
    return SettingsView(
        methods=load_methods(turn.tx, account.id),
        emails=len(stored_addresses.list_addresses(turn.tx, account.id)),
        sessions=len(live),
    )
