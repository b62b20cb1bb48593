"""A time server on loopback that answers right, wrong, twice, late and not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from twostep.flows.operate.time_server import (
    NoTime,
    Offset,
    TimeSource,
    ask_time,
    read_answer,
    read_source,
)


NOW = 1_800_000_000.0
SINCE_1900 = 2_208_988_800


def stamp(at: float) -> bytes:
    ticks = round((at + SINCE_1900) * 2**32) % 2**64
    return ticks.to_bytes(8, "big")


def packet(request: bytes, *, at: float, leap: int = 0, mode: int = 4, stratum: int = 2) -> bytes:
    head = bytes([leap << 6 | 4 << 3 | mode, stratum, 6, 0xEC]) + bytes(20)
    return head + request[40:48] + stamp(at) + stamp(at)


class Server(asyncio.DatagramProtocol):
    def __init__(self, answers: Callable[[bytes], list[bytes]]) -> None:
        self.answers = answers
        self.asked: list[bytes] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.asked.append(data)
        for one in self.answers(data):
            self.transport.sendto(one, addr)


@asynccontextmanager
async def serving(answers: Callable[[bytes], list[bytes]]) -> AsyncIterator[tuple[int, Server]]:
    server = Server(answers)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1], server
    finally:
        transport.close()


def ask(answers: Callable[[bytes], list[bytes]]) -> tuple[Offset | NoTime, list[bytes]]:
    async def run() -> tuple[Offset | NoTime, list[bytes]]:
        async with serving(answers) as (port, server):
            source = TimeSource("127.0.0.1", port)
            return await ask_time(source, instant=lambda: NOW, seconds=0.2), server.asked

    return asyncio.run(run())


@pytest.mark.parametrize("ahead", [0.0, 0.5, -3.25, 20.0, -86_400.0])
def test_the_offset_is_what_the_server_says(ahead: float) -> None:
    answer, asked = ask(lambda request: [packet(request, at=NOW - ahead)])
    assert isinstance(answer, Offset)
    assert answer.ahead_seconds == pytest.approx(ahead, abs=1e-6)
    assert len(asked[0]) == 48
    assert asked[0][0] == 0x23
    assert asked[0][40:48] != stamp(NOW)  # our time is nobody's business


def test_the_way_there_and_back_is_taken_off() -> None:
    request = bytes(40) + b"a request"[:8]
    answer = packet(request, at=NOW + 0.2)
    assert read_answer(answer, sent_at=NOW, arrived_at=NOW + 0.4) == Offset(
        pytest.approx(0, abs=1e-6)
    )


def test_what_is_no_answer_to_this_request_is_not_heard() -> None:
    def answers(request: bytes) -> list[bytes]:
        right = packet(request, at=NOW)
        other = right[:24] + b"another!" + right[32:]
        return [b"", right[:47], other, packet(request, at=0, mode=3), right]

    assert ask(answers)[0] == Offset(pytest.approx(0, abs=1e-6))


@pytest.mark.parametrize("more", [{"stratum": 0}, {"leap": 3}, {"stratum": 16}])
def test_a_server_that_does_not_know_the_time_is_not_believed(more: dict[str, int]) -> None:
    assert isinstance(ask(lambda request: [packet(request, at=NOW + 99, **more)])[0], NoTime)


def test_silence_is_asked_twice_and_then_said() -> None:
    answer, asked = ask(lambda _: [])
    assert isinstance(answer, NoTime)
    assert "does not answer" in answer.text
    assert len(asked) == 2
    assert asked[0][40:48] != asked[1][40:48]


def test_a_lost_packet_is_forgiven() -> None:
    seen: list[bytes] = []

    def answers(request: bytes) -> list[bytes]:
        seen.append(request)
        return [packet(request, at=NOW)] if len(seen) == 2 else []

    assert isinstance(ask(answers)[0], Offset)


def test_a_closed_port_and_an_unknown_name_are_said() -> None:
    async def run() -> None:
        async with serving(lambda _: []) as (port, _):
            closed = TimeSource("127.0.0.1", port)
        refused = await ask_time(closed, instant=lambda: NOW, seconds=0.5)
        assert isinstance(refused, NoTime)
        nobody = await ask_time(TimeSource("nobody.invalid"), instant=lambda: NOW)
        assert isinstance(nobody, NoTime)

    asyncio.run(run())


def test_after_february_2036_the_count_begins_anew() -> None:
    later = 2_100_000_000.0
    request = bytes(48)
    assert stamp(later)[0] < 0x80
    answer = read_answer(packet(request, at=later), sent_at=later, arrived_at=later)
    assert answer == Offset(pytest.approx(0, abs=1e-6))


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("time.example.org", TimeSource("time.example.org", 123)),
        ("192.0.2.1:1123", TimeSource("192.0.2.1", 1123)),
        ("[2001:db8::1]:124", TimeSource("2001:db8::1", 124)),
    ],
)
def test_a_source_is_written_as_host_and_port(text: str, source: TimeSource) -> None:
    assert read_source(text) == source


@pytest.mark.parametrize(
    "text", ["", ":123", "host:port", "host:99999", "http://host", "a@b", "h/x"]
)
def test_what_is_no_source_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the words are the library's or ours
        read_source(text)
