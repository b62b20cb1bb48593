"""Every provider there is, one row each, and how those that the settings name are made.

A new one takes its file, its settings and its row. Its file is imported only where it is named: an HTTP
client costs a fifth of a second at the start, and the command line needs none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, Generic, TypeVar

from twostep.config import Settings
from twostep.config.carriers import (
    AwsSnsSettings,
    CommandSettings,
    KannelSettings,
    TwilioSettings,
    VonageSettings,
)
from twostep.config.delivery import CONSOLE
from twostep.config.kinds import Section
from twostep.config.mail import SmtpSettings
from twostep.config.webhook import WebhookSettings
from twostep.core.messages.channel import CODE_CHANNELS, Channel
from twostep.delivery.port import Callbacks, Carrier
from twostep.delivery.site import Site


S = TypeVar("S", bound=Section)


def _no_sender(_own: Section) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Provider(Generic[S]):
    """One row. `name`: its table in the settings, of the type `settings`.

    `build`: the module below `delivery` whose `build(own, site)` makes the carrier from that table.
    `callbacks`: the one whose `build_callbacks(own, settings)` makes what reads its requests to us,
    empty where it makes none. `asks_by_get`: it sends its delivery reports by GET.
    `sender`: what texts come from, so that people know where to text START.
    """

    name: str
    settings: type[S] | None
    build: str
    callbacks: str = ""
    asks_by_get: bool = False
    sender: Callable[[S], str | None] = _no_sender


ROWS: tuple[Provider[Any], ...] = (
    Provider(
        "twilio", TwilioSettings, build="carriers.twilio", callbacks="carriers.twilio_callback",
        sender=lambda own: own.from_number,
    ),
    Provider(
        "vonage", VonageSettings, build="carriers.vonage", callbacks="carriers.vonage_callback",
        asks_by_get=True,  # where its dashboard says so
        sender=lambda own: own.sender,
    ),
    Provider(
        "aws_sns", AwsSnsSettings, build="carriers.aws_sns",
        sender=lambda own: own.origination_number,
    ),
    Provider(
        "kannel", KannelSettings, build="carriers.kannel", callbacks="carriers.kannel",
        asks_by_get=True, sender=lambda own: own.sender,
    ),
    Provider(
        "webhook", WebhookSettings, build="carriers.webhook", callbacks="carriers.webhook_callback"
    ),
    Provider("command", CommandSettings, build="carriers.command"),
    Provider("smtp", SmtpSettings, build="mail.smtp"),
    Provider(CONSOLE, None, build="console"),
)  # fmt: skip

PROVIDERS: Mapping[str, Provider[Any]] = {row.name: row for row in ROWS}


def named_providers(settings: Settings) -> Mapping[Channel, tuple[str, ...]]:
    """Names of each channel's providers, in the order in which they are tried."""
    return {
        Channel.SMS: settings.sms_providers,
        Channel.CALL: settings.call_providers,
        Channel.EMAIL: settings.email_providers,
    }


@asynccontextmanager
async def build_carriers(settings: Settings) -> AsyncIterator[Mapping[Channel, Sequence[Carrier]]]:
    """Open every provider that the settings name, in the order in which they are tried.

    Those that single countries alone name come last; the order of a country decides then.
    """
    country = tuple(n for names in settings.delivery.country_providers.values() for n in names)
    named = {
        channel: (*names, *country) if channel in CODE_CHANNELS else names
        for channel, names in named_providers(settings).items()
    }
    async with AsyncExitStack() as closing:
        site = Site(settings, closing)
        built: dict[str, Carrier] = {}
        for name in dict.fromkeys(name for names in named.values() for name in names):
            built[name] = await build_carrier(name, site)
        yield {
            channel: [
                built[name] for name in dict.fromkeys(names) if channel in built[name].channels
            ]
            for channel, names in named.items()
        }


async def build_carrier(name: str, site: Site) -> Carrier:
    """Open one provider that the settings name."""
    row = PROVIDERS[name]
    carrier: Carrier = await _module(row.build).build(_table(site.settings, row), site)
    return carrier


def build_callbacks(settings: Settings) -> dict[str, Callbacks]:
    """Make what reads and answers the requests of providers, by their name in the address."""
    made = {
        row.name: _module(row.callbacks).build_callbacks(own, settings)
        for row in ROWS
        if row.callbacks and (own := _table(settings, row)) is not None
    }
    return {name: callbacks for name, callbacks in made.items() if callbacks is not None}


def text_senders(settings: Settings) -> list[str]:
    """What texts come from, in the order in which providers are tried; empty where that is unknown."""
    rows = [PROVIDERS[name] for name in settings.sms_providers]
    tables = [(row, _table(settings, row)) for row in rows]
    return [(row.sender(own) if own is not None else None) or "" for row, own in tables]


def _module(name: str) -> ModuleType:
    return import_module(f"twostep.delivery.{name}")


def _table(settings: Settings, row: Provider[S]) -> S | None:
    """The provider's own table in the settings; the console has none."""
    own: S | None = None if row.settings is None else getattr(settings, row.name)
    return own
