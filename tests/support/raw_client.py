"""Raw HTTP over sockets, from any address of this machine: what no honest client sends, too."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.support.waiting import PATIENCE_SECONDS


@dataclass(frozen=True)
class Answer:
    """What came back. `headers`: the last of equal names."""

    status: int
    headers: Mapping[str, str]
    body: str
    cookies: str


def get(port: int, path: str, *, cookie: str = "") -> bytes:
    """A request for a page."""
    kept = f"Cookie: {cookie}\r\n" if cookie else ""
    return f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n{kept}\r\n".encode()


def post(port: int, path: str, fields: Mapping[str, str], *, cookie: str = "") -> bytes:
    """A form, as the browser of our own page sends it."""
    body = urlencode(fields)
    kept = f"Cookie: {cookie}\r\n" if cookie else ""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n{kept}"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def ask(port: int, request: bytes, *, source: str = "127.0.0.1") -> Answer:
    """Send one request on a connection of its own."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, local_addr=(source, 0)
        )  # fmt: skip
        try:
            writer.write(request)
            return await read_answer(reader)
        finally:
            writer.close()


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read one answer that has a length."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers["content-length"]))
    cookies = [v.partition(";")[0] for name, v in pairs if name.lower() == "set-cookie"]
    return Answer(int(first.split()[1]), headers, body.decode(), "; ".join(cookies))


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """Everything until the server closes the connection, which it must."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        try:
            return await reader.read()
        except ConnectionError:
            return b""
