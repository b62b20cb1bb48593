"""PostgreSQL for benchmarks: the tests' server, but one that keeps what it has committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.serving import Seeded
from tests.support.postgres import PostgresServer, run_server
from twostep import main
from twostep.config import load as load_settings
from twostep.store.engine.postgres_wire import Wire


# What an operator would run: nothing switched off, and memory for the machine it is on.
DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "autovacuum": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
}


@contextmanager
def durable(folder: Path) -> Iterator[PostgresServer]:
    """Run a server with `DURABLE` settings in a new folder."""
    folder.mkdir(parents=True)
    # Above it too, because as root the server is another user.
    folder.parent.chmod(0o755)
    with run_server(folder.resolve(), **DURABLE) as server:
        yield server


def trips_of(config: Path, host: str, account: Seeded) -> int:
    """How often the whole request of a second step waits for the database, session read included.

    Asked of the web application itself in this process, with nothing else beside it.
    """
    seen: list[int] = []
    close = Wire.close

    def counted(wire: Wire) -> None:
        seen.append(wire.round_trips)
        close(wire)

    async def story() -> None:
        async with main.open_product(load_settings(config), {}) as product:
            app = main.build_app(product.env)
            # The first request of a connection prepares its statements.
            for number in range(len(account.sessions)):
                seen.clear()
                request = account.code_request(host, session=number, steps=number)
                status = await _call(app, request)
                assert status == 303, status

    Wire.close = counted  # type: ignore[method-assign]
    try:
        asyncio.run(story())
    finally:
        Wire.close = close  # type: ignore[method-assign]
    return sum(seen)


async def _call(app: Callable[..., Awaitable[None]], request: bytes) -> int:
    """Call an ASGI application with a prepared request; the status it answered."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(int(str(message["status"])))

    pairs = [field.split(b": ", 1) for field in fields]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": line.split()[0].decode(),
        "scheme": "http",
        "path": line.split()[1].decode(),
        "raw_path": line.split()[1],
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in pairs],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return statuses[0]
