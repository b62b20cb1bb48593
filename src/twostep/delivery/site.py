"""What the carriers' builders share: settings, an HTTP client, and where providers reach us."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

from twostep.config import Settings
from twostep.config.kinds import is_loopback
from twostep.delivery.signed_path import SignedPaths


if TYPE_CHECKING:
    import httpx2


class Site:
    """The settings, one HTTP client for all carriers, and the exit stack for what must be closed.

    The client is created on first use, because loading its certificates takes 55 ms.
    """

    def __init__(self, settings: Settings, closing: AsyncExitStack) -> None:
        self.settings = settings
        self.closing = closing
        self._client: httpx2.AsyncClient | None = None

    async def client(self) -> httpx2.AsyncClient:
        """The shared HTTP client."""
        import httpx2  # noqa: PLC0415  takes a fifth of a second, and mail needs no HTTP

        if self._client is None:
            self._client = await self.closing.enter_async_context(httpx2.AsyncClient())
        return self._client


def base_path(name: str) -> str:
    """The path that a provider's callbacks begin with."""
    return f"/telephony/{name}"


def callback_base(settings: Settings, name: str, *, reached_from: str = "") -> str | None:
    """The URL that a provider's callbacks begin with, or None if the provider cannot reach us.

    `reached_from`: the provider's URL. A panel on loopback can be reached only from this machine.
    """
    if settings.is_loopback and not is_loopback(urlsplit(reached_from).hostname or ""):
        return None
    return settings.public_url + base_path(name)


def signed_paths(
    settings: Settings, name: str, secret: SecretStr, *, reached_from: str = ""
) -> SignedPaths | None:
    """Signed callback URLs, or None if the provider cannot reach us."""
    if callback_base(settings, name, reached_from=reached_from) is None:
        return None
    return SignedPaths(settings.public_url, base_path(name), secret.get_secret_value())


def clear(secret: SecretStr | None) -> str | None:
    """The secret in clear text."""
    return secret.get_secret_value() if secret else None
