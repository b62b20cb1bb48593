"""P10: pages while the message provider hangs; and how many messages a second the outbox sends."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

import uvloop

from bench import inside, load, pace
from bench.results import say
from bench.serving import Seeded, free_port, install, seed, serve_command, serving
from bench.size import many


ROUNDS = 3
PAGE_RATE, SECONDS = 100, many(8)
QUEUED = 200
MESSAGES = many(1000)
PAGES = ("/settings", "/settings/security", "/settings/sessions", "/api/session")
WAIT_SECONDS = 60


@dataclass
class Provider:
    """A company that carries messages. `slow`: it takes every request and never answers."""

    port: int
    slow: bool
    asked_at: list[float] = field(default_factory=list)

    async def serve(self, ready: threading.Event) -> None:
        """Until cancelled."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", self.port, backlog=512)
        ready.set()
        async with server:
            await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A cancelled task of a stream server would be reported as an error of its own.
        with suppress(asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                await reader.readexactly(int(head.partition("content-length: ")[2].split()[0]))
                self.asked_at.append(time.perf_counter())
                if self.slow:
                    await asyncio.sleep(WAIT_SECONDS)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()


@contextmanager
def company(*, slow: bool) -> Iterator[Provider]:
    """Run one in a thread of its own."""
    provider, ready = Provider(free_port(), slow), threading.Event()
    loop = asyncio.new_event_loop()
    task = loop.create_task(provider.serve(ready))

    def work() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        for left in asyncio.all_tasks(loop):
            left.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(10)
    try:
        yield provider
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)


def _install(folder: Path, port: int, carrier: Provider) -> Path:
    secret = base64.b64encode(b"a secret that two programs share").decode()
    return install(
        folder, port, countries="US",
        more=f'[webhook]\nurl = "http://127.0.0.1:{carrier.port}/"\nsecret = "whsec_{secret}"\n',
    )  # fmt: skip


def hanging(folder: Path) -> None:
    """The same pages at the same pace, from an installation whose provider takes every request and
    never answers, and from one where nothing waits to be sent; in turn."""
    ports = {True: free_port(), False: free_port()}
    results: dict[bool, list[load.Result]] = {True: [], False: []}
    with company(slow=True) as carrier, ExitStack() as stack:
        pages = {}
        for slow, port in ports.items():
            config = _install(folder / f"slow-{slow}", port, carrier)
            accounts = seed(config, folder, "--accounts", str(QUEUED), "--sessions", str(QUEUED))
            if slow:
                inside.for_each(config, accounts, inside.queue_text)
            server = stack.enter_context(serving(serve_command(config, port), port))
            pages[slow] = _pages(accounts, server.host)
        for _ in range(ROUNDS):
            for slow, port in ports.items():
                stream = pace.Stream(pages[slow], PAGE_RATE, port)
                (result,) = uvloop.run(pace.run(stream))
                assert result.statuses[200] == len(pages[slow]), result.statuses
                results[slow].append(result)
        assert carrier.asked_at, "nothing hung"
    quiet, busy = (_p99(results[slow]) for slow in (False, True))
    say(
        "P10",
        f"pages at {PAGE_RATE}/s, p99 while the provider hangs",
        busy,
        "ms",
        ratio=busy / quiet,
        against=f"quiet {quiet:.1f} ms",
        target="1.2 x quiet",
        met=busy <= 1.2 * quiet,
    )


def _p99(results: Sequence[load.Result]) -> float:
    return sorted(result.percentile(0.99) for result in results)[len(results) // 2]


def _pages(accounts: Sequence[Seeded], host: str) -> list[bytes]:
    count = PAGE_RATE * SECONDS
    return [
        load.get(path, host=host, cookie=account.cookie(account.sessions[0]))
        for account, path in islice(zip(cycle(accounts), cycle(PAGES), strict=False), count)
    ]


def sending(folder: Path) -> None:
    """Texts that wait when the server starts, taken by a provider that answers at once."""
    port = free_port()
    with company(slow=False) as carrier:
        config = _install(folder / "ours", port, carrier)
        accounts = seed(config, folder, "--accounts", str(MESSAGES))
        inside.for_each(config, accounts, inside.queue_text)
        with serving(serve_command(config, port), port):
            deadline = time.monotonic() + 60
            while len(carrier.asked_at) < MESSAGES and time.monotonic() < deadline:
                time.sleep(0.05)
        asked = carrier.asked_at
        assert len(asked) == MESSAGES, len(asked)
        rate = (len(asked) - 1) / (asked[-1] - asked[0])
    say("P10", "texts handed to a provider by one process", rate, "/s")


MEASURES: dict[str, tuple[Callable[[Path], None], ...]] = {"P10": (hanging, sending)}
