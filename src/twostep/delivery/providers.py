"""All providers, one row each, and how the ones in the settings are built.

A new provider needs a file, its settings and a row. The file is imported only if the settings name
the provider: an HTTP client adds a fifth of a second to start-up, and the command line needs none.
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


def _no_sender(_section: Section) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Provider(Generic[S]):
    """One row. `name`: its table in the settings, of the type `settings`.

    `build`: the module below `delivery` whose `build(section, site)` builds the carrier from that
    table. `callbacks`: the module whose `build_callbacks(section, settings)` builds the reader of
    its requests to us, or empty. `asks_by_get`: it sends delivery reports by GET. `sender`: what
    texts come from, so that people know where to text START.
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
        sender=lambda section: section.sender or section.from_number,
    ),
    Provider(
        "vonage", VonageSettings, build="carriers.vonage", callbacks="carriers.vonage_callback",
        asks_by_get=True,  # if its dashboard is set to that
        sender=lambda section: section.sender,
    ),
    Provider(
        "aws_sns", AwsSnsSettings, build="carriers.aws_sns",
        sender=lambda section: section.origination_number,
    ),
    Provider(
        "kannel", KannelSettings, build="carriers.kannel", callbacks="carriers.kannel",
        asks_by_get=True, sender=lambda section: section.sender,
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
    """Names of each channel's providers, in the order they are tried."""
    return {
        Channel.SMS: settings.sms_providers,
        Channel.CALL: settings.call_providers,
        Channel.EMAIL: settings.email_providers,
    }


@asynccontextmanager
async def build_carriers(settings: Settings) -> AsyncIterator[Mapping[Channel, Sequence[Carrier]]]:
    """Open every provider that the settings name, in the order they are tried.

    Providers named only for single countries come last; those countries have their own order.
    """
    country = tuple(
        name for names in settings.delivery.country_providers.values() for name in names
    )
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
    """Build what reads and answers providers' requests, by the provider's name in the URL."""
    built = {
        row.name: _module(row.callbacks).build_callbacks(section, settings)
        for row in ROWS
        if row.callbacks and (section := _table(settings, row)) is not None
    }
    return {name: callbacks for name, callbacks in built.items() if callbacks is not None}


def text_senders(settings: Settings) -> list[str]:
    """What texts come from, in the order providers are tried; an empty string if unknown."""
    rows = [PROVIDERS[name] for name in settings.sms_providers]
    tables = [(row, _table(settings, row)) for row in rows]
    return [(row.sender(section) if section is not None else None) or "" for row, section in tables]


def _module(name: str) -> ModuleType:
    return import_module(f"twostep.delivery.{name}")


def _table(settings: Settings, row: Provider[S]) -> S | None:
    """The provider's own table in the settings; the console has none."""
    section: S | None = None if row.settings is None else getattr(settings, row.name)
    return section
