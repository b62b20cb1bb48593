"""What the dashboard and the page of all settings show."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Account, Role
from twostep.core.audit import event
from twostep.core.methods.authenticator import Methods
from twostep.core.sign_in.session import Session
from twostep.flows.account.activity import Activity, list_activity
from twostep.flows.proof.apps_ahead import was_clock_ahead
from twostep.flows.turn import Turn
from twostep.store.account import addresses as stored_addresses
from twostep.store.methods import passkeys
from twostep.store.methods.all_methods import load_methods
from twostep.store.sign_in import sessions


ROWS = 3
LOOKED_THROUGH = 60  # events among which the sign-in before this one is looked for


@dataclass(frozen=True, slots=True)
class DashboardView:
    """`previous_at`: the sign-in before this session's, in Unix seconds. `handle`: by which
    authenticators know the account, None before the first passkey. `clock_was_ahead`: for operators."""

    methods: Methods
    email: str
    previous_at: int | None
    activity: tuple[Activity, ...]
    handle: bytes | None
    clock_was_ahead: bool


@dataclass(frozen=True, slots=True)
class SettingsView:
    """How much there is of everything that has a page of its own."""

    methods: Methods
    emails: int
    sessions: int


def view_dashboard(turn: Turn, account: Account, current: Session) -> DashboardView:
    """Read the start page of somebody who is signed in."""
    addresses = stored_addresses.list_addresses(turn.tx, account.id)
    verified = [one for one in addresses if one.verified_at is not None]
    newest = list_activity(turn, account.id, limit=LOOKED_THROUGH)
    earlier = (
        one.at
        for one in newest
        if one.event == event.SIGN_IN_COMPLETED and one.at < current.created_at
    )
    return DashboardView(
        methods=load_methods(turn.tx, account.id),
        email=next((one.address for one in (*verified, *addresses)), ""),
        previous_at=next(earlier, None),
        activity=tuple(newest[:ROWS]),
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
