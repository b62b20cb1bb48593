"""Asks a time server how far this machine's clock is off (SNTP version 4, RFC 4330).

One packet there, one back. The request holds random bits where others put their own time: the server
needs none, and only an answer to this very request brings them back.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit


PORT = 123
TRIES = 2
ANSWER_SECONDS = 2.0
_REQUEST = 0x23  # no leap warning, version 4, client (RFC 4330 section 4)
_SERVER = 4
_BYTES = 48
_SINCE_1900 = 2_208_988_800  # seconds from 1900 to 1970
_ERA_SECONDS = 1 << 32


@dataclass(frozen=True, slots=True)
class Offset:
    """`ahead_seconds`: how far our clock is before the server's; below zero it is behind."""

    ahead_seconds: float


@dataclass(frozen=True, slots=True)
class NoTime:
    """Nothing was learned; `text` says why and what to do."""

    text: str


@dataclass(frozen=True, slots=True)
class TimeSource:
    """A time server."""

    host: str
    port: int = PORT

    def __str__(self) -> str:
        return f"{self.host} port {self.port}"


def read_source(text: str) -> TimeSource:
    """Read `HOST`, `HOST:PORT`, `[ADDRESS]` or `[ADDRESS]:PORT`; ValueError for anything else."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.username or parts.path or parts.query or parts.fragment:
        raise ValueError("write a time server like time.example.org or time.example.org:123")
    return TimeSource(parts.hostname, PORT if parts.port is None else parts.port)


class _Answers(asyncio.DatagramProtocol):
    """Hears the answer to one request. `instant`: our clock, Unix seconds with fractions."""

    def __init__(self, instant: Callable[[], float]) -> None:
        self._instant = instant
        self.nonce = secrets.token_bytes(8)
        self.heard: asyncio.Future[tuple[bytes, float]] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002  the protocol's
        arrived_at = self._instant()
        is_ours = len(data) >= _BYTES and data[0] & 7 == _SERVER and data[24:32] == self.nonce
        if is_ours and not self.heard.done():
            self.heard.set_result((data, arrived_at))

    def error_received(self, exc: Exception) -> None:
        if not self.heard.done():
            self.heard.set_exception(exc)


async def ask_time(
    source: TimeSource, *, instant: Callable[[], float], seconds: float = ANSWER_SECONDS
) -> Offset | NoTime:
    """Ask, once more where nothing came back in `seconds`. Raises nothing but cancellation."""
    why = ""
    for _ in range(TRIES):
        try:
            async with asyncio.timeout(seconds):
                return await _exchange(source, instant)
        except socket.gaierror:
            return NoTime(f"No machine is called {source.host}. Check --time-source.")
        except TimeoutError:
            why = f"{source} does not answer"
        except OSError as error:
            why = f"{source} cannot be reached ({error.strerror or type(error).__name__})"
    return NoTime(f"{why}. Name another time server, or let UDP to it through.")


async def _exchange(source: TimeSource, instant: Callable[[], float]) -> Offset | NoTime:
    loop = asyncio.get_running_loop()
    transport, answers = await loop.create_datagram_endpoint(
        lambda: _Answers(instant), remote_addr=(source.host, source.port)
    )
    try:
        sent_at = instant()
        transport.sendto(bytes([_REQUEST]) + bytes(39) + answers.nonce)
        data, arrived_at = await answers.heard
    finally:
        transport.close()
    return read_answer(data, sent_at=sent_at, arrived_at=arrived_at)


def read_answer(data: bytes, *, sent_at: float, arrived_at: float) -> Offset | NoTime:
    """Read a server's 48 bytes (RFC 4330 section 5); both instants are of our own clock."""
    leap, stratum = data[0] >> 6, data[1]
    if stratum == 0:  # a kiss of death: the reason stands in four letters
        return NoTime("The time server sends us away. Name another one.")
    received_at, replied_at = _seconds(data[32:40]), _seconds(data[40:48])
    if leap == 3 or stratum > 15 or data[40:48] == bytes(8):
        return NoTime("The time server does not know the time itself. Name another one.")
    return Offset(((sent_at - received_at) + (arrived_at - replied_at)) / 2)


def _seconds(stamp: bytes) -> float:
    """Unix seconds of a timestamp; one without its top bit is after February 2036 (section 3)."""
    whole = int.from_bytes(stamp[:4], "big")
    if whole < _ERA_SECONDS // 2:
        whole += _ERA_SECONDS
    return whole - _SINCE_1900 + int.from_bytes(stamp[4:], "big") / _ERA_SECONDS
