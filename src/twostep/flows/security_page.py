"""What Account security, the page of sessions and the pages of one way to sign in show."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core import event
from twostep.core.account import Account
from twostep.core.authenticator import App, Methods, Passkey, Phone, RememberedBrowser
from twostep.core.refusal import Reason, Refused
from twostep.core.session import Session
from twostep.flows.activity import Activity, list_activity
from twostep.flows.env import Env, Visitor
from twostep.flows.remember_browser import is_this, list_remembered
from twostep.flows.send_code import open_channels
from twostep.flows.sessions import list_sessions
from twostep.store import passkeys
from twostep.store.methods import load_methods
from twostep.store.tx import Tx


ROWS = 5
OFFER_SECONDS = 900
# After one of these, signing out everywhere else is offered.
_CHANGES = frozenset(
    {
        event.APP_ADDED,
        event.APP_REMOVED,
        event.PASSKEY_ADDED,
        event.PASSKEY_REMOVED,
        event.PHONE_ADDED,
        event.PHONE_REMOVED,
        event.RECOVERY_CODES_CREATED,
        event.TWO_STEP_DISABLED,
        event.TWO_STEP_ENABLED,
    }
)


@dataclass(frozen=True, slots=True)
class SecurityView:
    """`sessions`: this one first. `offered`: a way to sign in has just changed, and other browsers
    are still signed in. `browsers`: those that are not asked for a code; `this_browser`: the id of
    the one that looks. `handle`: by which authenticators know the account, None before the first
    passkey."""

    methods: Methods
    browsers: tuple[RememberedBrowser, ...]
    this_browser: str | None
    handle: bytes | None
    sessions: tuple[Session, ...]
    offered: bool
    activity: tuple[Activity, ...]


@dataclass(frozen=True, slots=True)
class MethodView:
    """One way to sign in, beside all of them; exactly one of the others is set."""

    methods: Methods
    app: App | None = None
    phone: Phone | None = None
    passkey: Passkey | None = None


def has_phones(env: Env) -> bool:
    """Whether a phone can be added here at all: policy, a provider and a country."""
    settings = env.settings
    return bool(settings.policy.phones and settings.delivery.countries and open_channels(env))


def view_security(
    tx: Tx, env: Env, account: Account, current: Session, visitor: Visitor, *, now: int
) -> SecurityView:
    """Read Account security."""
    live = list_sessions(tx, env, account.id, now=now)
    newest = list_activity(tx, account.id, limit=20)
    changed = any(one.event in _CHANGES and now - one.at < OFFER_SECONDS for one in newest)
    return SecurityView(
        methods=load_methods(tx, account.id),
        browsers=list_remembered(tx, env, account, now=now),
        handle=passkeys.load_handle(tx, account.id),
        this_browser=is_this(tx, account, visitor),
        sessions=tuple(sorted(live, key=lambda one: one.id != current.id)),
        offered=changed and len(live) > 1,
        activity=tuple(newest[:ROWS]),
    )


def view_method(tx: Tx, account: Account, *, method_id: str) -> MethodView | Refused:
    """Read one app, phone or passkey of the account. Refused: NOT_FOUND (also for somebody else's)."""
    methods = load_methods(tx, account.id)
    app = next((one for one in methods.apps if one.id == method_id), None)
    phone = next((one for one in methods.phones if one.id == method_id), None)
    passkey = next((one for one in methods.passkeys if one.id == method_id), None)
    if app is None and phone is None and passkey is None:
        return Refused(Reason.NOT_FOUND)
    return MethodView(methods, app, phone, passkey)
