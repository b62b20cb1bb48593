"""What the makers of carriers share: settings, one HTTP client, and where providers reach us."""

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
    """The settings, one HTTP client for all carriers (made with the first that asks for it: its
    certificates cost 55 ms), and where to leave what must be closed."""

    def __init__(self, settings: Settings, closing: AsyncExitStack) -> None:
        self.settings = settings
        self.closing = closing
        self._client: httpx2.AsyncClient | None = None

    async def client(self) -> httpx2.AsyncClient:
        """The process's client."""
        import httpx2  # noqa: PLC0415  a fifth of a second, and mail alone needs none

        if self._client is None:
            self._client = await self.closing.enter_async_context(httpx2.AsyncClient())
        return self._client


def base_path(name: str) -> str:
    """Where a provider's callbacks begin."""
    return f"/telephony/{name}"


def callback_base(settings: Settings, name: str, *, reached_from: str = "") -> str | None:
    """The whole address where a provider's callbacks begin; None where it cannot reach us.

    `reached_from`: its own address. A panel on this machine is reached only from this machine.
    """
    if settings.is_loopback and not is_loopback(urlsplit(reached_from).hostname or ""):
        return None
    return settings.public_url + base_path(name)


def signed_paths(
    settings: Settings, name: str, secret: SecretStr, *, reached_from: str = ""
) -> SignedPaths | None:
    """Callback addresses that prove themselves; None where the provider cannot reach us."""
    if callback_base(settings, name, reached_from=reached_from) is None:
        return None
    return SignedPaths(settings.public_url, base_path(name), secret.get_secret_value())


def clear(secret: SecretStr | None) -> str | None:
    """The secret itself."""
    return secret.get_secret_value() if secret else None
