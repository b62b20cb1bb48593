"""The providers that the settings name, and whether their tables support that use."""

from __future__ import annotations

from twostep.config.carriers import CARRIERS, CarrierTables
from twostep.config.delivery import CONSOLE, DeliverySettings


def text_carriers(tables: CarrierTables) -> tuple[str, ...]:
    """Carriers that have a table and can send texts, in the order they are tried."""
    return tuple(name for name in CARRIERS if (table := tables.carrier(name)) and table.can_text)


def call_carriers(tables: CarrierTables) -> tuple[str, ...]:
    """The same for calls."""
    return tuple(name for name in CARRIERS if (table := tables.carrier(name)) and table.can_call)


def require_usable_providers(tables: CarrierTables, delivery: DeliverySettings) -> None:
    """Raise ValueError if a list names a provider without a table, or one that cannot do it."""
    by_country = tuple(name for names in delivery.country_providers.values() for name in names)
    lists = {"sms": delivery.sms, "call": delivery.call, "email": delivery.email}
    for key, names in {**lists, "country_providers": by_country}.items():
        for name in sorted(set(names) - {CONSOLE}):
            if getattr(tables, name) is None:
                raise ValueError(f"delivery.{key} names {name}: add a table [{name}]")
    for name in sorted(delivery.call):
        table = tables.carrier(name)
        if table is not None and not table.can_call:
            raise ValueError(
                f"calls by {name} need {table.calls_need}"
                if table.calls_need
                else f"delivery.call names {name}, whose table cannot do that"
            )
    for name in sorted(delivery.sms):
        table = tables.carrier(name)
        if table is not None and not table.can_text:
            raise ValueError(f"delivery.sms names {name}, whose table cannot do that")
