"""Which providers the settings name, and whether their tables can do what they are named for."""

from __future__ import annotations

from twostep.config.carriers import CARRIERS, CarrierTables
from twostep.config.delivery import CONSOLE, DeliverySettings


def text_carriers(tables: CarrierTables) -> tuple[str, ...]:
    """Carriers that have a table and can send texts, in the order in which they are tried."""
    return tuple(name for name in CARRIERS if (own := tables.carrier(name)) and own.can_text)


def call_carriers(tables: CarrierTables) -> tuple[str, ...]:
    """The same for calls."""
    return tuple(name for name in CARRIERS if (own := tables.carrier(name)) and own.can_call)


def review_providers(tables: CarrierTables, delivery: DeliverySettings) -> None:
    """Raise ValueError where a list names a provider that has no table or cannot do it."""
    by_country = tuple(name for names in delivery.country_providers.values() for name in names)
    lists = {"sms": delivery.sms, "call": delivery.call, "email": delivery.email}
    for key, names in {**lists, "country_providers": by_country}.items():
        for name in sorted(set(names) - {CONSOLE}):
            if getattr(tables, name) is None:
                raise ValueError(f"delivery.{key} names {name}: add a table [{name}]")
    for name in sorted(delivery.call):
        own = tables.carrier(name)
        if own is not None and not own.can_call:
            raise ValueError(
                f"calls by {name} need {own.calls_need}"
                if own.calls_need
                else f"delivery.call names {name}, whose table cannot do that"
            )
    for name in sorted(delivery.sms):
        own = tables.carrier(name)
        if own is not None and not own.can_text:
            raise ValueError(f"delivery.sms names {name}, whose table cannot do that")
