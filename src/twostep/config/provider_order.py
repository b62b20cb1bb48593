"""Which providers the settings name, and whether their tables can do what they are named for."""

from __future__ import annotations

from collections.abc import Mapping

from twostep.config.delivery import DeliverySettings


# Tables of carriers, in the order in which they are tried where none is given.
CARRIERS = ("twilio", "vonage", "aws_sns", "kannel", "webhook", "command")


def able_providers(tables: Mapping[str, object], able: str) -> tuple[str, ...]:
    """Carriers that have a table and can do it: `can_text` or `can_call`.

    `tables`: the settings' tables by name, None where there is none. A table that does not say
    carries texts only.
    """
    return tuple(name for name in CARRIERS if (table := tables[name]) and _can(table, able))


def review_providers(delivery: DeliverySettings, tables: Mapping[str, object]) -> None:
    """Raise ValueError where a list names a provider that has no table or cannot do it."""
    by_country = tuple(name for names in delivery.country_providers.values() for name in names)
    lists = {"sms": delivery.sms, "call": delivery.call, "email": delivery.email}
    for key, names in {**lists, "country_providers": by_country}.items():
        for name in sorted(set(names) - {"console"}):
            if tables[name] is None:
                raise ValueError(f"delivery.{key} names {name}: add a table [{name}]")
    if "twilio" in delivery.call and not _can(tables["twilio"], "can_call"):
        raise ValueError("calls by twilio need twilio.from_number and twilio.auth_token")
    for key, able in (("sms", "can_text"), ("call", "can_call")):
        for name in sorted(set(lists[key]) - {"console"}):
            if not _can(tables[name], able):
                raise ValueError(f"delivery.{key} names {name}, whose table cannot do that")


def _can(table: object, able: str) -> bool:
    return bool(getattr(table, able, able == "can_text"))
