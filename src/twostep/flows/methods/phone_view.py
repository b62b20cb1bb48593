"""What the two pages of the backup phone wizard show."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.account import Account
from twostep.core.messages.channel import Channel
from twostep.core.methods import phone_number
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Refused
from twostep.core.sealing import SealBroken
from twostep.core.sign_in.session import Session
from twostep.flows.messages.message_view import DeliveryView, view_delivery
from twostep.flows.messages.numbers import open_number
from twostep.flows.messages.send_code import open_channels
from twostep.flows.methods.enroll_phone import refuse_adding
from twostep.flows.turn import Turn
from twostep.store.methods import phones


@dataclass(frozen=True, slots=True)
class PhoneChoices:
    """The form's choices: regions, channels, and the regions of the account's other phones."""

    regions: tuple[phone_number.Region, ...]
    channels: tuple[Channel, ...]
    own_regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewPhone:
    """The number this session typed but has not confirmed. `number`: in full, `+44 7400 …`."""

    number: str
    region: str
    is_landline: bool
    channels: tuple[Channel, ...]
    delivery: DeliveryView


def view_choices(turn: Turn, account: Account) -> PhoneChoices | Refused:
    """Load the form. Refused: as in `refuse_adding`."""
    if refused := refuse_adding(turn, account.id):
        return refused
    delivery = turn.env.settings.delivery
    return PhoneChoices(
        regions=tuple(
            region for region in phone_number.regions() if delivery.allows(region.code, "enrol")
        ),
        channels=open_channels(turn.env),
        own_regions=tuple(phone.region for phone in phones.list_confirmed(turn.tx, account.id)),
    )


def view_new_phone(turn: Turn, current: Session) -> NewPhone | None:
    """Load the number to confirm; None if none was typed."""
    phone = phones.load_unconfirmed(turn.tx, current.id)
    delivery = view_delivery(turn, current, purpose=Purpose.ADD_PHONE)
    if phone is None or delivery is None or delivery.phone.id != phone.id:
        return None
    try:
        number = open_number(turn.env, phone)
    except SealBroken:  # the user can type it again
        return None
    return NewPhone(
        number=phone_number.format_international(number),
        region=phone.region,
        is_landline=phone.line == "fixed",
        channels=open_channels(turn.env),
        delivery=delivery,
    )
