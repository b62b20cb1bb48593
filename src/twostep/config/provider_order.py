"""Which providers the settings name, and whether their tables can do what they are named for."""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from twostep.config.settings import Settings


# Tables of carriers, in the order in which they are tried where none is given.
CARRIERS = ("twilio", "vonage", "aws_sns", "kannel", "webhook", "command", "smpp")


def able_providers(settings: Settings, able: str) -> tuple[str, ...]:
    """Carriers that have a table and can do it: `can_text` or `can_call`.

    A table that does not say carries texts only.
    """
    tables = ((name, getattr(settings, name)) for name in CARRIERS)
    return tuple(name for name, table in tables if table and _can(table, able))


def review_providers(settings: Settings) -> None:
    """Raise ValueError where a list names a provider that has no table or cannot do it."""
    delivery = settings.delivery
    by_country = tuple(name for names in delivery.country_providers.values() for name in names)
    lists = {"sms": delivery.sms, "call": delivery.call, "email": delivery.email}
    for key, names in {**lists, "country_providers": by_country}.items():
        for name in sorted(set(names) - {"console"}):
            if getattr(settings, name) is None:
                raise ValueError(f"delivery.{key} names {name}: add a table [{name}]")
    if "twilio" in delivery.call and not (settings.twilio and settings.twilio.can_call):
        raise ValueError("calls by twilio need twilio.from_number and twilio.auth_token")
    for key, able in (("sms", "can_text"), ("call", "can_call")):
        for name in sorted(set(lists[key]) - {"console"}):
            if not _can(getattr(settings, name), able):
                raise ValueError(f"delivery.{key} names {name}, whose table cannot do that")


def _can(table: object, able: str) -> bool:
    return bool(getattr(table, able, able == "can_text"))
