"""The HTTP server: uvicorn on uvloop and httptools, one process, stopped by SIGTERM or SIGINT.

`door.py` says how long a client may take; `connection.py` enforces it.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import structlog
import uvicorn
import uvloop

from twostep.server.connection import ClientConnection
from twostep.server.door import ConnectionLimits, Door
from twostep.server.tls import Certificate, TlsUnusable, warn_of_expiry


GRACEFUL_SECONDS = 4
SWEEP_TICKS = 5  # uvicorn ticks ten times a second
MOST_AT_SIDE = 32  # connections to a port that only this machine can reach
SPARE_FILES = 100  # for the database, providers and the program itself
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger(__name__)

__all__ = [
    "Certificate",
    "PortTaken",
    "ServedApp",
    "TlsUnusable",
    "fit_file_limit",
    "listen",
    "on_hangup",
    "outlive_hangups",
    "run",
    "serve",
    "side_server",
    "wait_for_stop",
    "warn_of_expiry",
]

T = TypeVar("T")
ServedApp = Callable[..., Awaitable[None]]


class PortTaken(Exception):
    """An address cannot be listened on; the text says which, and what to do."""


class _Server(uvicorn.Server):
    """uvicorn with a door.

    A stop signal sets `stop` instead of ending the process, so that open resources get closed. `ready`
    is called once requests are served.
    """

    def __init__(
        self, config: uvicorn.Config, door: Door, ready: Callable[[], None], stop: asyncio.Event
    ) -> None:
        super().__init__(config)
        self._door = door
        self._ready = ready
        self._stop = stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, but with our connections and a time limit on TLS handshakes."""
        await self.lifespan.startup()
        loop, config = asyncio.get_running_loop(), self.config
        self.servers = [
            await loop.create_server(
                lambda: ClientConnection(config, self.server_state, door=self._door),
                sock=listening,
                backlog=config.backlog,
                ssl=config.ssl,
                ssl_handshake_timeout=self._door.limits.header_seconds if config.ssl else None,
            )
            for listening in sockets or ()
        ]
        self.started = True
        # Objects made at start-up live for ever: keep the garbage collector from scanning them.
        gc.collect()
        gc.freeze()
        gc.enable()  # the `serve` command starts with it off
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Run ten times a second."""
        if counter % SWEEP_TICKS == 0:
            self._door.sweep(now=asyncio.get_running_loop().time())
        self.should_exit = self.should_exit or self._stop.is_set()
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop.set)
        try:
            yield
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)


class _SideServer(_Server):
    """A server beside the main one or a worker, which handles the signals and stops it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(addresses: Sequence[str], port: int, *, setting: str = "--port") -> list[socket.socket]:
    """Listen on each address. Raises `PortTaken`.

    An IPv6 address that the machine lacks is skipped if another address works.
    """
    listening: list[socket.socket] = []
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            opened = socket.socket(family, socket.SOCK_STREAM)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.bind((address, port))
        except OSError as error:
            if listening and family == socket.AF_INET6 and error.errno != 98:  # address in use
                continue
            raise PortTaken(
                f"Port {port} on {address} cannot be used: {error.strerror}."
                f" Choose another with {setting}."
            ) from None
        listening.append(opened)
    return listening


async def serve(
    app: ServedApp,
    sockets: Sequence[socket.socket],
    *,
    ready: Callable[[], None],
    stop: asyncio.Event,
    tls: Certificate | None = None,
    door: Door | None = None,
) -> None:
    """Serve until a stop signal or other code sets `stop`; then finish open requests and return."""
    door = door or Door(fit_file_limit(ConnectionLimits()), Counter())
    await _Server(_config(app, door.limits, tls), door, ready, stop).serve(list(sockets))


@asynccontextmanager
async def side_server(
    app: ServedApp, port: int | None, *, setting: str = "metrics.port"
) -> AsyncIterator[None]:
    """Serve `app` on its own loopback port meanwhile, unless `port` is None. Raises `PortTaken`."""
    if port is None:
        yield
        return
    sockets = listen(["127.0.0.1", "::1"], port, setting=setting)
    limits = ConnectionLimits(connections=MOST_AT_SIDE)
    serving, stop = asyncio.Event(), asyncio.Event()
    server = _SideServer(_config(app, limits), Door(limits, Counter()), serving.set, stop)
    task = asyncio.create_task(server.serve(sockets))
    await serving.wait()  # whoever is told that we are ready may ask this port at once
    try:
        yield
    finally:
        stop.set()
        await task


def fit_file_limit(limits: ConnectionLimits) -> ConnectionLimits:
    """Raise the limit of open files to fit the connections, or else lower the connections."""
    wanted = limits.connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limits
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed == wanted:
        return limits
    fewer = max(allowed - SPARE_FILES, 1)
    log.warning("serve.few_files", files=allowed, connections=fewer)
    return replace(limits, connections=fewer)


def _config(
    app: ServedApp, limits: ConnectionLimits, tls: Certificate | None = None
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        lifespan="off",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        # Forwarded headers are read by web/door/client.py, from trusted proxies only.
        proxy_headers=False,
        timeout_keep_alive=limits.keep_alive_seconds,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        ssl_context_factory=(lambda *_: tls.context) if tls else None,
    )


async def wait_for_stop(*, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Handle stop signals, call `ready`, and wait until a signal or other code sets `stop`."""
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        ready()
        await stop.wait()
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def on_hangup(reload: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Call `reload` for each SIGHUP meanwhile: one call at a time, and one for all that come during
    one. Afterwards the signal still ends nobody."""
    loop, wake = asyncio.get_running_loop(), asyncio.Event()

    async def wait_and_reload() -> None:
        while True:
            await wake.wait()
            wake.clear()
            await reload()

    loop.add_signal_handler(signal.SIGHUP, wake.set)
    task = asyncio.create_task(wait_and_reload())
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        outlive_hangups()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def outlive_hangups() -> None:
    """Go on after a SIGHUP. Not ignored as such: programs that we start would inherit that."""
    signal.signal(signal.SIGHUP, lambda *_: None)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on uvloop."""
    return uvloop.run(main)
