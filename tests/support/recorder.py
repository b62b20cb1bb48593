"""Raw bytes at the real server, in front of an application that writes down what reaches it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_SECONDS
from twostep import server


SILENCE_SECONDS = 10  # less than it keeps a connection for the next request


@dataclass
class Recorder:
    """An application that says yes to everything, with the path as its answer. `seen`: method, path
    and body of each request that came whole; `fields`: its headers; `begun`: how many have begun.
    `think_seconds`: how long an answer takes."""

    seen: list[tuple[str, str, bytes]] = field(default_factory=list)
    fields: list[list[tuple[bytes, bytes]]] = field(default_factory=list)
    begun: int = 0
    think_seconds: float = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun += 1
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.seen.append((scope["method"], scope["path"], body))
        self.fields.append(list(scope["headers"]))
        await asyncio.sleep(self.think_seconds)
        answer = scope["path"].encode()
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


@dataclass
class Talk:
    """What became of one connection: the answers' status codes, what reached the application, and
    the bytes that came back."""

    statuses: list[int]
    seen: list[tuple[str, str, bytes]]
    fields: list[dict[str, list[str]]]
    answer: bytes


class Line:
    """The way to one server: each connection that was opened is done with before the next."""

    def __init__(self, runner: asyncio.Runner, port: int, recorder: Recorder) -> None:
        self.runner = runner
        self.port = port
        self.recorder = recorder

    def hold(self, *connections: Iterable[bytes]) -> list[Talk]:
        """Send the pieces of each connection, each alone, and listen until the server closes it."""
        return [self.runner.run(self._talk(pieces)) for pieces in connections]

    async def _talk(self, pieces: Iterable[bytes]) -> Talk:
        self.recorder.seen, self.recorder.fields = [], []
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        heard = bytearray()
        listening = asyncio.create_task(_listen(reader, heard))
        try:
            for piece in pieces:
                if listening.done():
                    break
                writer.write(piece)
                for _ in range(3):  # turns of the loop, in which the server reads it
                    await asyncio.sleep(0)
            await listening
        except TimeoutError:
            pytest.fail(f"it waits for more, after {self.recorder.seen} and {bytes(heard)!r}")
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        statuses = [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+) ", heard)]
        fields = [_by_name(each) for each in self.recorder.fields]
        return Talk(statuses, self.recorder.seen, fields, bytes(heard))


async def _listen(reader: asyncio.StreamReader, heard: bytearray) -> None:
    """Until the server closes the connection."""
    with suppress(ConnectionError):
        async with asyncio.timeout(SILENCE_SECONDS):
            while piece := await reader.read(65_536):
                heard += piece


def _by_name(fields: Sequence[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name.decode(), []).append(value.decode())
    return values


async def _wait_for(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.005)
        else:
            writer.close()
            return await writer.wait_closed()


@contextmanager
def open_line() -> Iterator[Line]:
    """A server on the loop that serves people, too."""
    recorder, port, stack = Recorder(), free_port(), AsyncExitStack()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(stack.enter_async_context(server.side_server(recorder, port)))
        runner.run(asyncio.wait_for(_wait_for(port), PATIENCE_SECONDS))
        yield Line(runner, port, recorder)
        runner.run(stack.aclose())
