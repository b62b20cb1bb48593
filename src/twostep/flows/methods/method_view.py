"""One method as pages show it: its name, never its secret."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Account
from twostep.core.methods.authenticator import App, Methods, Passkey, Phone
from twostep.core.refusal import Reason, Refused
from twostep.flows.env import Env
from twostep.flows.messages.send_code import open_channels
from twostep.flows.policy.decide import accepts_phones
from twostep.flows.turn import Turn
from twostep.store.methods.all_methods import load_methods


@dataclass(frozen=True, slots=True)
class MethodView:
    """One method, next to all of them; exactly one of `app`, `phone` and `passkey` is set."""

    methods: Methods
    app: App | None = None
    phone: Phone | None = None
    passkey: Passkey | None = None


def has_phones(env: Env) -> bool:
    """Whether phones can be added at all: policy, a provider and a country allow it."""
    settings = env.settings
    return bool(accepts_phones(env) and settings.delivery.countries and open_channels(env))


def view_method(turn: Turn, account: Account, *, method_id: str) -> MethodView | Refused:
    """Load one app, phone or passkey of the account. Refused: NOT_FOUND (also for another account's)."""
    methods = load_methods(turn.tx, account.id)
    app = next((app for app in methods.apps if app.id == method_id), None)
    phone = next((phone for phone in methods.phones if phone.id == method_id), None)
    passkey = next((key for key in methods.passkeys if key.id == method_id), None)
    if app is None and phone is None and passkey is None:
        return Refused(Reason.NOT_FOUND)
    return MethodView(methods, app, phone, passkey)
