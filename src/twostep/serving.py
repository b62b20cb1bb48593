"""Runs the product: providers and server around the parts that `main` wires.

SIGHUP reads the certificate and the files with secrets again, and drops no connection. What does not
fit is logged, and what was read before stays in use. Other settings are read at the start only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from starlette.types import Receive, Scope, Send

from twostep import server
from twostep.config import ConfigError, Settings, SettingsReader
from twostep.core.messages.channel import Channel
from twostep.delivery.port import Carrier
from twostep.delivery.providers import build_callbacks, build_carriers
from twostep.flows.env import Env
from twostep.main import Product, StartError, build_app, database_file, open_product
from twostep.server import Certificate, ServedApp
from twostep.server.door import ConnectionLimits, Door
from twostep.tracing import Tracing, open_tracing
from twostep.web.pages.operate.metrics import own_port


Use = Callable[[Settings], Awaitable[None]]

# Read when connections are made, at the start: a new value needs a restart.
_AT_THE_START = frozenset({"database_url", "tracing.authorization"})

log = structlog.get_logger(__name__)


async def serve(
    reader: SettingsReader,
    *,
    host: str,
    port: int,
    tls: tuple[Path, Path] | None,
    ready: Callable[[], None],
) -> None:
    """Run the product until a stop signal.

    Raises `StartError`, `JobFailed`, `PortTaken`, `TlsUnusable` and `TracingUnavailable`.
    """
    settings = reader.settings
    certificate = Certificate(*tls) if tls else None
    limits = ConnectionLimits(**settings.server.model_dump(exclude={"hsts_subdomains"}))
    sockets, stop = server.listen([host], port), asyncio.Event()
    with open_tracing(settings) as tracing:
        async with (
            _open_with_providers(settings, tracing, stop) as (product, use_providers),
            server.side_server(own_port(product.env), settings.metrics.port),
        ):
            panel = _Panel(product.env, tracing)

            async def use(changed: Settings) -> None:
                app = panel.build(changed)
                await use_providers(changed)
                panel.app = app

            door = Door(server.fit_file_limit(limits), product.env.counters.connections)
            reload = Reload(reader, product.env, use, certificate)
            async with server.on_hangup(reload.run):
                await server.serve(
                    panel, sockets, ready=ready, stop=stop, tls=certificate, door=door
                )


async def run_worker(reader: SettingsReader, *, ready: Callable[[], None]) -> None:
    """Send messages and run maintenance for several servers until a stop signal.

    Raises `StartError`, `JobFailed`, `PortTaken` and `TracingUnavailable`.
    """
    settings = reader.settings
    if database_file(settings):
        raise StartError(
            "The database is SQLite, and its server sends messages itself: there is nothing for a"
            " worker to do."
        )
    port, setting = settings.metrics.worker_port, "metrics.worker_port"
    stop = asyncio.Event()
    with open_tracing(settings) as tracing:
        async with (
            _open_with_providers(settings, tracing, stop) as (product, use_providers),
            server.side_server(own_port(product.env), port, setting=setting),
            server.on_hangup(Reload(reader, product.env, use_providers).run),
        ):
            await server.wait_for_stop(ready=ready, stop=stop)


@asynccontextmanager
async def _open_with_providers(
    settings: Settings, tracing: Tracing, stop: asyncio.Event
) -> AsyncIterator[tuple[Product, Use]]:
    """The product with its providers, and what opens them again with other secrets. Earlier ones stay
    open to the end, for what is being sent through them."""
    async with AsyncExitStack() as providers:

        async def build(with_secrets: Settings) -> Mapping[Channel, Sequence[Carrier]]:
            opened = await providers.enter_async_context(build_carriers(with_secrets))
            return tracing.carriers(opened)

        async with open_product(
            settings, await build(settings), stop=stop.set, tracing=tracing
        ) as product:

            async def use(changed: Settings) -> None:
                product.outbox.use(await build(changed))

            yield product, use


class _Panel:
    """The web application of the settings in use. Requests under way end in the one they began in."""

    def __init__(self, env: Env, tracing: Tracing) -> None:
        self._env = env
        self._tracing = tracing
        self.app = self.build(env.settings)

    def build(self, settings: Settings) -> ServedApp:
        """Build it for settings that differ in their secrets."""
        callbacks = build_callbacks(settings)
        web = build_app(replace(self._env, settings=settings, callbacks=callbacks))
        return self._tracing.app(web, web.table.pattern_of)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self.app(scope, receive, send)


@dataclass(slots=True)
class Reload:
    """What SIGHUP does. `use`: puts changed secrets to use."""

    reader: SettingsReader
    env: Env
    use: Use
    certificate: Certificate | None = None

    async def run(self) -> None:
        """Read everything again, and say in one line what was read; one more for each that failed."""
        try:
            await self._read_all()
        except Exception:  # the next signal is to be answered, whatever this one met
            log.exception("serve.not_read_again", what="all")

    async def _read_all(self) -> None:
        files: list[Path] = []
        if self.certificate is not None and self._read_certificate(self.certificate):
            files += self.certificate.files
        changed = await self._read_secrets()
        if changed is not None:
            files += self.reader.secret_files
        self.env.keys.refresh()
        if self.reader.settings.key_path is not None:
            files.append(self.reader.settings.key_path)
        is_changed = self.reader.is_file_changed()
        log.info(
            "serve.read_again",
            files=list(map(str, files)),
            changed=changed or [],
            restart_for=sorted(_AT_THE_START.intersection(changed or [])),
            settings="changed since the start: restart to use them" if is_changed else "unchanged",
        )

    def _read_certificate(self, certificate: Certificate) -> bool:
        try:
            certificate.read_again()
        except server.TlsUnusable as error:
            _say_kept("certificate", str(error))
            return False
        server.warn_of_expiry(certificate.files[0], now=self.env.clock())
        return True

    async def _read_secrets(self) -> list[str] | None:
        """The secrets that changed; None if the old ones stay in use."""
        try:
            again = self.reader.with_secrets_again()
            changed = again.changed_secrets(self.reader)
            if changed:
                await self.use(again.settings)
        except ConfigError as error:
            _say_kept("secrets", " ".join(error.problems))
            return None
        except Exception as error:  # noqa: BLE001  a secret that a provider's builder does not take
            # Only the type: the text may quote the secret.
            _say_kept("secrets", f"they cannot be used: {type(error).__name__}")
            return None
        self.reader = again
        return changed


def _say_kept(what: str, error: str) -> None:
    log.error(
        "serve.not_read_again", what=what, error=error, kept="the one read before stays in use"
    )
