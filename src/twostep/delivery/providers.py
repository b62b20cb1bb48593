"""Makes the providers that the settings name.

Each is imported only where it is named: an HTTP client costs a fifth of a second at the start, and
the command line needs none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from twostep.config import Settings
from twostep.delivery.channel import Callbacks, Channel, Kind


T = TypeVar("T")

TWILIO_PATH = "/telephony/twilio"


@asynccontextmanager
async def build_channels(settings: Settings) -> AsyncIterator[Mapping[Kind, Sequence[Channel]]]:
    """Open every provider that the settings name, in the order in which they are tried."""
    named = {
        Kind.SMS: settings.sms_providers,
        Kind.CALL: settings.call_providers,
        Kind.EMAIL: settings.email_providers,
    }
    async with AsyncExitStack() as closing:
        built: dict[str, Channel] = {}
        for name in dict.fromkeys(name for names in named.values() for name in names):
            built[name] = await BUILDERS[name](settings, closing)
        yield {
            kind: [built[name] for name in names if kind in built[name].kinds]
            for kind, names in named.items()
        }


async def _build_twilio(settings: Settings, closing: AsyncExitStack) -> Channel:
    import httpx2  # noqa: PLC0415  the module says why

    from twostep.delivery.twilio import Twilio, TwilioAccount  # noqa: PLC0415

    own = _table(settings.twilio)
    secret = own.api_key_secret or own.auth_token
    account = TwilioAccount(
        account_sid=own.account_sid,
        user=own.api_key or own.account_sid,
        secret=secret.get_secret_value() if secret else "",
        text_from=own.messaging_service or own.from_number,
        call_from=own.from_number,
        # Where nobody outside reaches us, or we cannot tell who asks, nothing is reported back.
        callback_base=settings.public_url + TWILIO_PATH if build_callbacks(settings) else None,
        api=own.api_url,
    )
    return Twilio(account, await closing.enter_async_context(httpx2.AsyncClient()))


async def _build_smtp(settings: Settings, closing: AsyncExitStack) -> Channel:
    from twostep.delivery.smtp import Smtp, SmtpServer  # noqa: PLC0415

    own = _table(settings.smtp)
    server = SmtpServer(
        host=own.host,
        port=own.port,
        security=own.security,
        sender=own.sender,
        sender_name=settings.panel_name,
        message_domain=settings.public_host,
        username=own.user,
        password=own.password.get_secret_value() if own.password else None,
    )
    channel = Smtp(server)
    closing.callback(channel.close)
    return channel


async def _build_console(_settings: Settings, closing: AsyncExitStack) -> Channel:
    from twostep.delivery.console import Console, Inbox  # noqa: PLC0415

    channel = Console(Inbox())
    closing.push_async_callback(channel.close)
    return channel


Builder = Callable[[Settings, AsyncExitStack], Awaitable[Channel]]

BUILDERS: Mapping[str, Builder] = {
    "console": _build_console,
    "smtp": _build_smtp,
    "twilio": _build_twilio,
}


def _table(section: T | None) -> T:
    """The provider's own table: the settings name no provider without one."""
    if section is None:
        raise LookupError("a provider is named whose table is missing")
    return section


def build_callbacks(settings: Settings) -> dict[str, Callbacks]:
    """Make what reads and answers the requests of providers, by their name in the address."""
    own = settings.twilio
    if own is None or own.auth_token is None or settings.is_loopback:
        return {}
    from twostep.delivery.twilio_callback import TwilioCallbacks  # noqa: PLC0415

    return {
        "twilio": TwilioCallbacks(
            public_url=settings.public_url,
            base_path=TWILIO_PATH,
            auth_token=own.auth_token.get_secret_value(),
        )
    }
