"""What one visitor sends through a real proxy never becomes a request of the next one.

Caddy, HAProxy, nginx and Traefik keep connections to us for all their visitors. Here they hand on
what an attacker sends as careless files let them, over HTTP/1.1 and HTTP/2, and the next visitors
must get their own answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, StreamEnded, StreamReset
from h2.exceptions import H2Error

from tests.support.proxies import PROXIES, Front, run_proxy
from tests.support.recorder import Line, open_line
from tests.support.waiting import PATIENCE_SECONDS, wait_until


WAIT_SECONDS = 0.5  # for a proxy that wants more, or that has dropped what it got
THINK_SECONDS = (
    0.03  # an answer that takes as long as a password: the proxy hands the body on meanwhile
)
TICK_SECONDS, KEPT_TICKS = 0.003, 5
VISITORS = 2
# The next visitor's request would be its end, and give it the Host and cookie that it lacks.
HIDDEN = b"GET /hidden HTTP/1.1\r\nX-Pad: "
END = b"GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
FORM = b"POST /form HTTP/1.1\r\nHost: x\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n%s" % (len(HIDDEN), HIDDEN)
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
WISHES = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIA\r\n",
    b"Connection: upgrade\r\nUpgrade: foo\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"Upgrade: h2c\r\n",
)
# Whose end is clear: the hidden request is in the body, and reaches nobody as a request.
CLEAR = [
    *(FORM + wish + body for wish in (b"", *WISHES) for body in (LENGTH, CHUNKED)),
    *(FORM + b"Expect: %s\r\n" % wish + LENGTH for wish in (b"100-continue", b"foo")),
    FORM + CHUNKED.removesuffix(b"\r\n") + b"Content-Length: 0\r\nHost: y\r\nUpgrade: h2c\r\n\r\n",
    FORM
    + b"Transfer-Encoding: chunked\r\n\r\n%x;a=%s\r\n%s\r\n0\r\n\r\n"
    % (len(HIDDEN), b"b" * 200, HIDDEN),
    b"POST http://y/form HTTP/1.1\r\nHost: x\r\n" + LENGTH,
    b"GET /form HTTP/1.1\r\nHost: x\r\n" + LENGTH,
    b"POST /form HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n" + LENGTH,
]
CODINGS = (
    *(b"Transfer-Encoding: xchunked", b"Transfer-Encoding : chunked", b"Transfer_Encoding: chunked"),
    *(b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: chunked, identity", b"X: a\n Y: b"),
    *(b"Transfer-Encoding: identity", b"Transfer-Encoding: gzip, chunked", b"X: a\nTransfer-Encoding: chunked"),
    *(b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", b"Transfer-Encoding:\r\n chunked"),
    *(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x", b'Transfer-Encoding: "chunked"'),
    *(b"\x00Transfer-Encoding: chunked", b"X: a\rTransfer-Encoding: chunked", b" Transfer-Encoding: chunked"),
)  # fmt: skip
NUMBERS = (
    b"+%d",
    b"%d, 0",
    b"0, %d",
    b"%d;a",
    b"0x%x",
    b"-%d",
    b"%d\r\nContent-Length: 0",
    b"%d\x00",
)
BLOCKS = (
    *(b"0x%x\r\n%s\r\n", b"+%x\r\n%s\r\n", b"%x\n%s\r\n", b"%x \r\n%s\r\n", b"%x;a\n%s\r\n"),
    *(b"%x\r\n%s", b"%x\r%s\r\n", b"%x;\r%s\r\n", b"1000000000000000%x\r\n%s\r\n", b"%x\r\n%s\n"),
)
BODY = b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
# Where proxies and servers have disagreed: whatever they make of it, they make it alike.
UNCLEAR = [
    *(FORM + b"%s\r\n\r\n" % coding + BODY for coding in CODINGS),
    *(FORM + b"%s\r\nContent-Length: %d\r\n\r\n" % (coding, len(BODY)) + BODY for coding in CODINGS),
    *(FORM + b"Content-Length: %d\r\n%s\r\n\r\n" % (len(BODY), coding) + BODY for coding in CODINGS),
    *(FORM + b"Content-Length: %s\r\n\r\n" % (number % len(HIDDEN)) + HIDDEN for number in NUMBERS),
    *(FORM + b"Transfer-Encoding: chunked\r\n\r\n" + block % (len(HIDDEN), HIDDEN) + b"0\r\n\r\n"
      for block in BLOCKS),
    FORM + b"Content-Length : %d\r\n\r\n%s" % (len(HIDDEN), HIDDEN),
    b"POST /form HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n" + CHUNKED,
    b"POST /form HTTP/2.0\r\nHost: x\r\n" + LENGTH,
    b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
]  # fmt: skip


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    with open_line() as opened:
        yield opened


@contextmanager
def through(name: str, folder: Path, line: Line) -> Iterator[dict[str, Front]]:
    with run_proxy(name, folder, line.port) as fronts:
        for front in fronts.values():
            wait_until(f"{name} does not come up", partial(is_up, line, front))
        yield fronts


def is_up(line: Line, front: Front) -> bool:
    try:
        visit(line, front, "/up")
    except (AssertionError, OSError):
        return False
    return True


async def talk(port: int, request: bytes, *, seconds: float) -> bytes:
    """Send it; what comes back until the other side closes the connection, or is silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await listen(reader, seconds=seconds)
    finally:
        writer.close()


async def listen(reader: asyncio.StreamReader, *, seconds: float) -> bytes:
    heard = b""
    with suppress(ConnectionError, TimeoutError):
        while piece := await asyncio.wait_for(reader.read(65_536), seconds):
            heard += piece
    return heard


async def send_apart(line: Line, front: Front, request: bytes) -> None:
    """Send the head, and the rest once the head has reached us, or the proxy keeps it: only then
    they come in two packets, as from a client far away."""
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    head, end, rest = request.partition(b"\r\n\r\n")
    begun = line.recorder.begun
    try:
        writer.write(head + end)
        for _ in range(KEPT_TICKS):
            if line.recorder.begun > begun:
                break
            await asyncio.sleep(TICK_SECONDS)
        writer.write(rest)
        await listen(reader, seconds=WAIT_SECONDS)
    finally:
        writer.close()


def visit(line: Line, front: Front, path: str) -> None:
    """Somebody else, who gets the answer to their own request."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    answer = line.runner.run(talk(front.port, request, seconds=PATIENCE_SECONDS))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), answer
    assert path.encode() in body, answer
    assert b"/hidden" not in answer


def attack(line: Line, front: Front, request: bytes) -> list[str]:
    """Send it, let others come behind, and return the paths that reached us meanwhile."""
    line.recorder.seen.clear()
    line.recorder.think_seconds = THINK_SECONDS
    line.runner.run(send_apart(line, front, request + END))
    line.recorder.think_seconds = 0
    for number in range(VISITORS):
        visit(line, front, f"/visitor/{number}")
    return [path for _, path, _ in line.recorder.seen]


@pytest.mark.parametrize("name", PROXIES)
def test_a_body_stays_a_body(line: Line, tmp_path: Path, name: str) -> None:
    with through(name, tmp_path, line) as fronts:
        for way, front in fronts.items():
            attack(line, front, CLEAR[0])
            assert ("POST", "/form", HIDDEN) in line.recorder.seen, way
            for request in CLEAR:
                assert "/hidden" not in attack(line, front, request), (way, request)


@pytest.mark.soak
@pytest.mark.parametrize("name", PROXIES)
def test_whatever_is_unclear_harms_nobody_else(line: Line, tmp_path: Path, name: str) -> None:
    with through(name, tmp_path, line) as fronts:
        for front in fronts.values():
            for request in UNCLEAR:
                paths = attack(line, front, request)
                assert paths[-VISITORS:] == ["/visitor/0", "/visitor/1"], request


# ── HTTP/2 in front ──────────────────────────────────────────────────────────────────────────────

PLAIN = [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/form")]
SPLIT = "a\r\n\r\nGET /hidden HTTP/1.1\r\nX: "


def replaced(name: str, value: str) -> list[tuple[str, str]]:
    return [(key, value if key == name else text) for key, text in PLAIN]


FRAMES = [
    (PLAIN, HIDDEN),
    ([*PLAIN, ("upgrade", "h2c"), ("connection", "upgrade")], HIDDEN),
    ([*PLAIN, ("upgrade", "websocket"), ("connection", "upgrade")], HIDDEN),
    ([*PLAIN, ("transfer-encoding", "chunked")], b"0\r\n\r\n" + HIDDEN),
    ([*PLAIN, ("content-length", "0")], HIDDEN),
    ([*PLAIN, ("content-length", "5")], HIDDEN),
    ([*PLAIN, ("content-length", "5"), ("content-length", "0")], HIDDEN),
    ([*PLAIN, ("expect", "100-continue")], HIDDEN),
    ([*PLAIN, ("x", SPLIT)], b""),
    ([*PLAIN, ("x", "a\nTransfer-Encoding: chunked")], b"0\r\n\r\n" + HIDDEN),
    ([*PLAIN, (f"x: {SPLIT}y", "a")], b""),
    ([*PLAIN, ("transfer-encoding: chunked\r\nx", "a")], b"0\r\n\r\n" + HIDDEN),
    ([*PLAIN, ("host", "y")], HIDDEN),
    (replaced(":path", f"/form HTTP/1.1\r\nHost: x\r\n\r\n{SPLIT[5:]}"), b""),
    (replaced(":method", f"GET / HTTP/1.1\r\nHost: x\r\n\r\n{SPLIT[5:]}POST"), b""),
    (replaced(":authority", f"x\r\n\r\n{SPLIT[5:]}"), b""),
    (replaced(":method", "CONNECT"), HIDDEN),
]


async def send_frames(port: int, fields: list[tuple[str, str]], body: bytes) -> None:
    """One request over HTTP/2, right or wrong, until it is answered or refused."""
    config = H2Configuration(
        validate_outbound_headers=False,
        normalize_outbound_headers=False,
        validate_inbound_headers=False,
    )
    connection = H2Connection(config)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        connection.initiate_connection()
        connection.send_headers(1, fields, end_stream=not body)
        if body:
            connection.send_data(1, body, end_stream=True)
        writer.write(connection.data_to_send())
        with suppress(ConnectionError, TimeoutError, H2Error):
            while data := await asyncio.wait_for(reader.read(65_536), WAIT_SECONDS):
                events = connection.receive_data(data)
                writer.write(connection.data_to_send())
                if any(
                    isinstance(event, (StreamEnded, StreamReset, ConnectionTerminated))
                    for event in events
                ):
                    break
    finally:
        writer.close()


@pytest.mark.parametrize("name", PROXIES)
def test_nor_does_a_body_in_frames_become_a_request(line: Line, tmp_path: Path, name: str) -> None:
    with through(name, tmp_path, line) as fronts:
        for way, front in fronts.items():
            line.recorder.seen.clear()
            line.runner.run(send_frames(front.http2, *FRAMES[0]))
            assert ("POST", "/form", HIDDEN) in line.recorder.seen, (way, "it speaks no HTTP/2")
            for fields, body in FRAMES:
                line.recorder.seen.clear()
                line.runner.run(send_frames(front.http2, fields, body))
                for number in range(VISITORS):
                    visit(line, front, f"/visitor/{number}")
                paths = [path for _, path, _ in line.recorder.seen]
                assert "/hidden" not in paths, (way, fields)
