"""What the second-step and step-up pages show: methods, delivery status and waits."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Account
from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import Methods
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.session import Session
from twostep.flows.messages.failover import troubled_channels
from twostep.flows.messages.message_view import DeliveryView, view_delivery
from twostep.flows.messages.send_code import open_channels
from twostep.flows.policy.decide import accepts_phones
from twostep.flows.proof import wrong_tries
from twostep.flows.turn import Turn
from twostep.store.methods.all_methods import load_methods


@dataclass(frozen=True, slots=True)
class SecondStepView:
    """The account's second-step options.

    `channels`: those that can send codes at all; `troubled`: the ones failing right now.
    `closed_phones`: ids of phones in countries that codes are not sent to. `code_wait`,
    `backup_wait`: the throttle's refusal during a wait.
    """

    methods: Methods
    delivery: DeliveryView | None
    channels: tuple[Channel, ...]
    troubled: frozenset[Channel]
    closed_phones: frozenset[str]
    code_wait: Refused | None
    backup_wait: Refused | None


def view_second_step(
    turn: Turn, account: Account, session: Session, *, purpose: Purpose
) -> SecondStepView:
    """Load what the page shows."""
    methods = load_methods(turn.tx, account.id)

    def wait(rule: throttle.Rule) -> Refused | None:
        return wrong_tries.view_wait(turn, session, rule=rule)

    phones_on = accepts_phones(turn.env)
    return SecondStepView(
        methods=methods,
        delivery=view_delivery(turn, session, purpose=purpose) if phones_on else None,
        channels=open_channels(turn.env) if phones_on else (),
        troubled=troubled_channels(turn) if phones_on else frozenset(),
        closed_phones=frozenset(
            phone.id
            for phone in methods.phones
            if not turn.env.settings.delivery.allows(phone.region, "signin")
        ),
        code_wait=wait(throttle.CODE),
        backup_wait=wait(throttle.RECOVERY_CODE),
    )
