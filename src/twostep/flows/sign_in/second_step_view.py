"""What the second-step and step-up pages show: every way, how the message is doing, waits."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Account
from twostep.core.methods.authenticator import Methods
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import Session
from twostep.flows.env import Env, Visitor
from twostep.flows.messages.failover import troubled_channels
from twostep.flows.messages.message_view import DeliveryView, view_delivery
from twostep.flows.messages.send_code import open_channels
from twostep.flows.proof import wrong_tries as second_step_throttle
from twostep.store.methods.all_methods import load_methods
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class SecondStepView:
    """Ways of the account. `code_wait`, `backup_wait`: the throttle's refusal while a wait runs.

    `channels`: by which codes can be sent at all; `troubled`: those of them that do not work right
    now. `closed_phones`: those that cannot be sent to.
    """

    methods: Methods
    delivery: DeliveryView | None
    channels: tuple[str, ...]
    troubled: frozenset[str]
    closed_phones: frozenset[str]
    code_wait: Refused | None
    backup_wait: Refused | None


def view_second_step(
    tx: Tx,
    env: Env,
    account: Account,
    session: Session,
    visitor: Visitor,
    *,
    purpose: Purpose,
    now: int,
) -> SecondStepView:
    """Read what the page needs."""
    methods = load_methods(tx, account.id)

    def wait(rule: throttle.Rule) -> Refused | None:
        return second_step_throttle.view_wait(tx, session, visitor, rule=rule, now=now)

    phones_on = env.settings.policy.phones
    return SecondStepView(
        methods=methods,
        delivery=view_delivery(tx, session, purpose=purpose, now=now) if phones_on else None,
        channels=open_channels(env) if phones_on else (),
        troubled=troubled_channels(tx, env, now=now) if phones_on else frozenset(),
        closed_phones=frozenset(
            phone.id
            for phone in methods.phones
            if not env.settings.delivery.allows(phone.region, "signin")
        ),
        code_wait=wait(throttle.CODE),
        backup_wait=wait(throttle.RECOVERY_CODE),
    )
