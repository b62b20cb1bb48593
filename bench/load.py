"""A load generator: prepared HTTP/1.1 requests over keep-alive connections, on uvloop.

It does nothing but write bytes and find the end of answers, so that on a machine with two cores it
does not take the server's. Latency is measured from write to the answer's last byte, in seconds.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: chunked", re.IGNORECASE)


@dataclass
class Result:
    """What came back: latencies in seconds, answers by status, and how long it all took."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    size: int = 0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Latency in milliseconds that `share` of the answers stayed below."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def join(results: Sequence[Result]) -> Result:
    """Several rounds as one."""
    whole = Result(seconds=sum(result.seconds for result in results), size=results[-1].size)
    for result in results:
        whole.latencies += result.latencies
        whole.statuses += result.statuses
    return whole


class _Client(asyncio.Protocol):
    """One connection: the next request goes out when the last answer is complete."""

    def __init__(
        self, requests: Iterator[bytes], result: Result, finished: asyncio.Future[None]
    ) -> None:
        self._requests = requests
        self._result = result
        self._finished = finished
        self._buffer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        total = self._length(end)
        if not total or len(self._buffer) < total:
            return
        self._result.latencies.append(time.perf_counter() - self._sent_at)
        self._result.statuses[int(self._buffer[9:12])] += 1
        self._result.size = total
        self._buffer = b""
        self._next()

    def _length(self, end: int) -> int:
        """The whole answer's bytes; 0: not known yet."""
        length = _LENGTH.search(self._buffer, 0, end + 2)
        if length:
            return end + 4 + int(length.group(1))
        if _CHUNKED.search(self._buffer, 0, end + 2):
            return len(self._buffer) if self._buffer.endswith(b"\r\n0\r\n\r\n") else 0
        return end + 4

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._finished.done():
            self._finished.set_result(None)


def address(number: int) -> tuple[str, int]:
    """The address that client `number` comes from: networks of their own, so throttles stay on."""
    return (f"127.0.{number // 250}.{2 + number % 250}", 0)


async def run(
    requests: Sequence[bytes], *, port: int | Sequence[int], clients: int, first: int = 0
) -> Result:
    """Send every request once, `clients` at a time, each from an address of its own.

    Several ports are several processes, as a proxy would spread them. `first`: the first address.
    """
    ports = (port,) if isinstance(port, int) else tuple(port)
    loop = asyncio.get_running_loop()
    result = Result()
    source = iter(requests)
    waits = []
    started = time.perf_counter()
    for number in range(clients):
        finished: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(
            lambda finished=finished: _Client(source, result, finished),  # type: ignore[misc]
            "127.0.0.1",
            ports[number % len(ports)],
            local_addr=address(first + number),
        )
        waits.append(finished)
    await asyncio.gather(*waits)
    result.seconds = time.perf_counter() - started
    return result


async def at_once(requests: Sequence[bytes], *, port: int | Sequence[int]) -> Result:
    """Open a connection for every request, then send all of them in the same moment."""
    ports = (port,) if isinstance(port, int) else tuple(port)
    pairs = [
        await asyncio.open_connection(
            "127.0.0.1", ports[number % len(ports)], local_addr=address(number)
        )
        for number in range(len(requests))
    ]
    result, started = Result(), time.perf_counter()
    for (_, writer), request in zip(pairs, requests, strict=True):
        writer.write(request)
    for reader, writer in pairs:
        head = await reader.readuntil(b"\r\n\r\n")
        result.latencies.append(time.perf_counter() - started)
        result.statuses[int(head[9:12])] += 1
        writer.close()
    result.seconds = time.perf_counter() - started
    return result


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[str, bytes]:
    """Send one request on an open connection; the answer's head and body."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
    if length:
        return head, await reader.readexactly(int(length.group(1)))
    body = b""
    while "transfer-encoding: chunked" in head.lower() and not body.endswith(b"0\r\n\r\n"):
        body += await reader.read(65536)
    return head, body


def get(path: str, *, host: str, cookie: str = "") -> bytes:
    """A GET request."""
    cookie_line = f"Cookie: {cookie}\r\n" if cookie else ""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{cookie_line}\r\n".encode()


def post(path: str, body: str, *, host: str, cookie: str = "") -> bytes:
    """A form, from our own page."""
    cookie_line = f"Cookie: {cookie}\r\n" if cookie else ""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n{cookie_line}"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
