"""The HTTP server: uvicorn on uvloop and httptools, one process, ended by SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
import uvloop


GRACEFUL_SECONDS = 4
KEEP_ALIVE_SECONDS = 15
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

T = TypeVar("T")
Application = Callable[..., Awaitable[None]]


class PortTaken(Exception):
    """An address cannot be listened on; the text says which and what to do."""


class _Server(uvicorn.Server):
    """uvicorn, but a stop signal ends `serve` instead of the process, so that what was opened is
    closed; and `ready` is called once requests are served."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What was made at the start stays: the collector need not look at it at every turn.
        gc.collect()
        gc.freeze()
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.should_exit = True


class _Beside(uvicorn.Server):
    """uvicorn beside another server, which hears the signals and ends this one."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(addresses: Sequence[str], port: int, *, setting: str = "--port") -> list[socket.socket]:
    """Listen on each address; raises `PortTaken`. An IPv6 address that the machine lacks is left
    out when there is another."""
    listening: list[socket.socket] = []
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            one = socket.socket(family, socket.SOCK_STREAM)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind((address, port))
        except OSError as error:
            if listening and family == socket.AF_INET6 and error.errno != 98:  # address in use
                continue
            raise PortTaken(
                f"Port {port} on {address} cannot be used: {error.strerror}."
                f" Choose another with {setting}."
            ) from None
        listening.append(one)
    return listening


async def serve(
    app: Application,
    sockets: Sequence[socket.socket],
    *,
    ready: Callable[[], None],
    tls: tuple[Path, Path] | None = None,
) -> None:
    """Serve until a stop signal, then answer what is in hand and return."""
    await _Server(_config(app, tls), ready).serve(list(sockets))


@asynccontextmanager
async def beside(app: Application, port: int | None) -> AsyncIterator[None]:
    """Serve `app` on a loopback port of its own meanwhile; None: do not. Raises `PortTaken`."""
    if port is None:
        yield
        return
    sockets = listen(["127.0.0.1", "::1"], port, setting="metrics.port")
    server = _Beside(_config(app))
    task = asyncio.create_task(server.serve(sockets))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _config(app: Application, tls: tuple[Path, Path] | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        # Forwarded headers are read by web/client.py, from trusted proxies only.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=str(tls[1]) if tls else None,
    )


async def stopped(*, ready: Callable[[], None]) -> None:
    """Call `ready` once a stop signal would be heard, and wait for one."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        ready()
        await stop.wait()
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on uvloop."""
    return uvloop.run(main)
