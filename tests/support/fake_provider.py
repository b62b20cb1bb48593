"""A provider on loopback that answers, hangs and breaks as a test likes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2

from twostep.core.methods.out_of_band import Purpose
from twostep.delivery.message import CallMessage, MailMessage, Message, TextMessage
from twostep.delivery.port import Carrier, SendOutcome, send_in_time
from twostep.delivery.spoken import new_script


NOW = 1_800_000_000
TEXT = TextMessage(
    id="out-1",
    to="+12025550100",
    text="482915 is your code.\n\n@panel.example.org #482915",
    code="482915",
    language="en",
    expires_at=NOW + 540,
)
CALL = CallMessage(
    id="out-2",
    to="+12025550100",
    script=new_script(code="482915", key="4", panel="P", purpose=Purpose.SIGN_IN, language="en"),
    expires_at=NOW + 540,
)
MAIL = MailMessage(
    id="out-3", to="a@example.com", subject="s", text="t", html="h", language="en", made_at=NOW
)
Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Taken:
    """A request as it came."""

    line: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class FakeProvider:
    """Where it listens, and what it was asked. `asked`: something was."""

    url: str = ""
    taken: list[Taken] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)


def answer(status: int, body: object = b"", **headers: str) -> bytes:
    """One HTTP answer. `body`: bytes, or anything that JSON can write."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    start = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(raw)}\r\n"
    return f"{start}{head}Connection: close\r\n\r\n".encode() + raw


def replying(raw: bytes) -> Reply:
    """Write these bytes, and that is all."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return reply


async def hanging(writer: asyncio.StreamWriter) -> None:
    """Take the request and never answer."""
    await writer.drain()
    await asyncio.Event().wait()


@asynccontextmanager
async def fake_provider(reply: Reply) -> AsyncIterator[FakeProvider]:
    """Serve on loopback; `reply` writes what it likes once a request was read."""
    fake = FakeProvider()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *rest = head.strip().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (pair.partition(":") for pair in rest)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        fake.taken.append(Taken(line, headers, body))
        fake.asked.set()
        await reply(writer)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await take(reader, writer)
        except asyncio.IncompleteReadError:  # somebody looked whether we are there
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield fake
    finally:
        listening.close()


def send_to(
    make: Callable[[str, httpx2.AsyncClient], Carrier],
    message: Message,
    reply: Reply | bytes,
    *,
    seconds: float = 15.0,
) -> tuple[SendOutcome, list[Taken]]:
    """Send one message through a channel made for a fake provider's address."""

    async def run() -> tuple[SendOutcome, list[Taken]]:
        how = replying(reply) if isinstance(reply, bytes) else reply
        async with fake_provider(how) as fake, httpx2.AsyncClient() as client:
            outcome = await send_in_time(make(fake.url, client), message, now=NOW, seconds=seconds)
            return outcome, fake.taken

    return asyncio.run(run())
