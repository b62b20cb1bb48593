"""Makes the providers that the settings name: one table of builders, one of callbacks.

Each is imported only where it is named: an HTTP client costs a fifth of a second at the start, and
the command line needs none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from twostep.config import Settings
from twostep.config.kinds import is_loopback
from twostep.core.messages.channel import CODE_CHANNELS, Channel
from twostep.delivery.port import Callbacks, Carrier


if TYPE_CHECKING:
    import httpx2

    from twostep.delivery.signed_path import SignedPaths

T = TypeVar("T")


class Site:
    """What builders share: the settings, one HTTP client for all (made with the first that asks for
    it: its certificates cost 55 ms), and where to leave what must be closed."""

    def __init__(self, settings: Settings, closing: AsyncExitStack) -> None:
        self.settings = settings
        self.closing = closing
        self._client: httpx2.AsyncClient | None = None

    async def client(self) -> httpx2.AsyncClient:
        """The process's client."""
        import httpx2  # noqa: PLC0415  the module says why

        if self._client is None:
            self._client = await self.closing.enter_async_context(httpx2.AsyncClient())
        return self._client


def base_path(name: str) -> str:
    """Where a provider's callbacks begin."""
    return f"/telephony/{name}"


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
            built[name] = await BUILDERS[name](site)
        yield {
            channel: [
                one for name in dict.fromkeys(names) if channel in (one := built[name]).channels
            ]
            for channel, names in named.items()
        }


async def _build_twilio(site: Site) -> Carrier:
    from twostep.delivery.carriers.twilio import Twilio, TwilioAccount  # noqa: PLC0415

    own, settings = _table(site.settings.twilio), site.settings
    # Where nobody outside reaches us, or we cannot tell who asks, nothing is reported back.
    has_callbacks = "twilio" in build_callbacks(settings)
    account = TwilioAccount(
        account_sid=own.account_sid,
        user=own.api_key or own.account_sid,
        secret=_clear(own.api_key_secret or own.auth_token) or "",
        text_from=own.messaging_service or own.from_number,
        call_from=own.from_number,
        callback_base=settings.public_url + base_path("twilio") if has_callbacks else None,
        api=own.api_url,
    )
    return Twilio(account, await site.client())


async def _build_vonage(site: Site) -> Carrier:
    from twostep.delivery.carriers.vonage import Vonage, VonageAccount  # noqa: PLC0415

    own = _table(site.settings.vonage)
    account = VonageAccount(
        api_key=own.api_key,
        api_secret=own.api_secret.get_secret_value(),
        text_from=own.sender,
        call_from=own.call_from,
        application_id=own.application_id,
        private_key=_clear(own.private_key),
        paths=_paths(site.settings, "vonage", own.api_secret),
        text_api=own.text_api_url,
        call_api=own.call_api_url,
    )
    return Vonage(account, await site.client())


async def _build_aws_sns(site: Site) -> Carrier:
    from twostep.delivery.carriers.aws_sns import AwsSns, SnsAccount  # noqa: PLC0415

    own = _table(site.settings.aws_sns)
    account = SnsAccount(
        region=own.region,
        access_key_id=own.access_key_id,
        secret_access_key=own.secret_access_key.get_secret_value(),
        session_token=_clear(own.session_token),
        sender=own.sender,
        origination_number=own.origination_number,
        endpoint=own.api_url,
    )
    return AwsSns(account, await site.client())


async def _build_kannel(site: Site) -> Carrier:
    from twostep.delivery.carriers.kannel import Kannel, KannelGateway  # noqa: PLC0415

    own = _table(site.settings.kannel)
    gateway = KannelGateway(
        url=own.url,
        username=own.user,
        password=own.password.get_secret_value(),
        sender=own.sender,
        smsc=own.smsc,
        paths=_paths(site.settings, "kannel", own.password, reached_from=own.url),
    )
    return Kannel(gateway, await site.client())


async def _build_webhook(site: Site) -> Carrier:
    from twostep.delivery.carriers.webhook import Webhook, WebhookReceiver  # noqa: PLC0415
    from twostep.delivery.carriers.webhook_shape import shape_of  # noqa: PLC0415

    own, settings = _table(site.settings.webhook), site.settings
    is_reached = _is_reached(settings, own.url)
    receiver = WebhookReceiver(
        url=own.url,
        secret=own.secret.get_secret_value(),
        carries=frozenset(Channel(name) for name in own.carries),
        bearer=_clear(own.bearer),
        callback_base=settings.public_url + base_path("webhook") if is_reached else None,
        shape=shape_of(own),
    )
    return Webhook(receiver, await site.client())


async def _build_command(site: Site) -> Carrier:
    from twostep.delivery.carriers.command import Command, Program  # noqa: PLC0415

    return Command(Program(_table(site.settings.command).argv))


async def _build_smtp(site: Site) -> Carrier:
    from twostep.delivery.mail.smtp import Smtp, SmtpServer  # noqa: PLC0415

    own, settings = _table(site.settings.smtp), site.settings
    server = SmtpServer(
        host=own.host,
        port=own.port,
        security=own.security,
        sender=own.sender,
        sender_name=settings.panel_name,
        message_domain=settings.public_host,
        username=own.user,
        password=_clear(own.password),
    )
    carrier = Smtp(server)
    site.closing.callback(carrier.close)
    return carrier


async def _build_console(site: Site) -> Carrier:
    from twostep.delivery.console import Console, Inbox  # noqa: PLC0415

    carrier = Console(Inbox())
    site.closing.push_async_callback(carrier.close)
    return carrier


Builder = Callable[[Site], Awaitable[Carrier]]

BUILDERS: Mapping[str, Builder] = {
    "aws_sns": _build_aws_sns,
    "command": _build_command,
    "console": _build_console,
    "kannel": _build_kannel,
    "smtp": _build_smtp,
    "twilio": _build_twilio,
    "vonage": _build_vonage,
    "webhook": _build_webhook,
}


def build_callbacks(settings: Settings) -> dict[str, Callbacks]:
    """Make what reads and answers the requests of providers, by their name in the address."""
    made = {name: build(settings) for name, build in CALLBACKS.items()}
    return {name: callbacks for name, callbacks in made.items() if callbacks is not None}


def _twilio_callbacks(settings: Settings) -> Callbacks | None:
    own = settings.twilio
    if own is None or own.auth_token is None or settings.is_loopback:
        return None
    from twostep.delivery.carriers.twilio_callback import TwilioCallbacks  # noqa: PLC0415

    token = own.auth_token.get_secret_value()
    return TwilioCallbacks(settings.public_url, base_path("twilio"), token)


def _vonage_callbacks(settings: Settings) -> Callbacks | None:
    own = settings.vonage
    paths = _paths(settings, "vonage", own.api_secret) if own else None
    if own is None or paths is None:
        return None
    from twostep.delivery.carriers.vonage_callback import VonageCallbacks  # noqa: PLC0415

    return VonageCallbacks(paths, _clear(own.signature_secret))


def _kannel_callbacks(settings: Settings) -> Callbacks | None:
    own = settings.kannel
    paths = _paths(settings, "kannel", own.password, reached_from=own.url) if own else None
    if paths is None:
        return None
    from twostep.delivery.carriers.kannel import KannelCallbacks  # noqa: PLC0415

    return KannelCallbacks(paths)


def _webhook_callbacks(settings: Settings) -> Callbacks | None:
    own = settings.webhook
    if own is None or not _is_reached(settings, own.url):
        return None
    from twostep.delivery.carriers.webhook_callback import WebhookCallbacks  # noqa: PLC0415

    return WebhookCallbacks(base_path("webhook"), own.secret.get_secret_value())


CALLBACKS: Mapping[str, Callable[[Settings], Callbacks | None]] = {
    "kannel": _kannel_callbacks,
    "twilio": _twilio_callbacks,
    "vonage": _vonage_callbacks,
    "webhook": _webhook_callbacks,
}


def _paths(
    settings: Settings, name: str, secret: SecretStr, *, reached_from: str = ""
) -> SignedPaths | None:
    if not _is_reached(settings, reached_from):
        return None
    from twostep.delivery.signed_path import SignedPaths  # noqa: PLC0415

    return SignedPaths(settings.public_url, base_path(name), secret.get_secret_value())


def _is_reached(settings: Settings, url: str) -> bool:
    """Whether a provider at `url` can call us: a panel on this machine only from this machine."""
    return not settings.is_loopback or is_loopback(urlsplit(url).hostname or "")


def _clear(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _table(section: T | None) -> T:
    """The provider's own table: the settings name no provider without one."""
    if section is None:
        raise LookupError("a provider is named whose table is missing")
    return section
