"""The real server under people who try passwords in masses, and under clients that take their time."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import seed
from tests.cli.test_serve import get as fetch
from tests.cli.test_serve import serving
from tests.support.installed import write_certificate
from tests.support.ports import free_port
from tests.support.raw_client import (
    Answer,
    ask,
    get,
    post,
    read_answer,
    read_to_end,
)
from tests.support.waiting import PATIENCE_SECONDS, wait_until
from tests.web.metrics.test_metrics import read
from twostep.core.methods import totp


TYPED = "hunter2 & friends"


@dataclass
class Running:
    """A running server. `people`: seeded accounts with an app each."""

    port: int
    metrics_port: int
    people: list[dict[str, str]]

    def figures(self) -> dict[str, float]:
        return read(fetch(self.metrics_port, "/metrics")[1].decode())

    def code(self, number: int, *, steps: int = 0) -> str:
        secret = self.people[number]["secret"]
        key = base64.b32decode(secret + "=" * (-len(secret) % 8))
        return totp.at(key, int(time.time()) // 30 + steps)  # noqa: TID251  the server's clock

    def browser(self, number: int) -> str:
        return f"twostep-browser={self.people[number]['browser']}"

    async def sign_in(self, number: int) -> Answer:
        """The first step, from the account's known browser."""
        person = self.people[number]
        form = {"username": person["name"], "password": person["password"]}
        return await ask(self.port, post(self.port, "/sign-in", form, cookie=self.browser(number)))

    async def finish(self, number: int, half: str) -> Answer:
        form = {"code": self.code(number)}
        return await ask(self.port, post(self.port, "/sign-in/code", form, cookie=half))


def seed_three(folder: Path) -> list[dict[str, str]]:
    file = folder / "seed.jsonl"
    made = seed(folder, "--force", "--accounts", "3", "--out", str(file))
    assert made.code == 0, made.err
    return [json.loads(line) for line in file.read_text().splitlines()]


def running(
    folder: Path, people: Sequence[dict[str, str]] = (), **settings: str
) -> Iterator[Running]:
    server = Running(free_port(), free_port(), list(people))
    settings["TWOSTEP_METRICS__PORT"] = str(server.metrics_port)
    with serving(folder, server.port, **settings):
        yield server


@pytest.fixture
def busy(folder: Path) -> Iterator[Running]:
    """One thread for password checks at their full cost, two places for strangers."""
    yield from running(
        folder,
        seed_three(folder),
        TWOSTEP_PASSWORD__PROFILE="default",
        TWOSTEP_PASSWORD__THREADS="1",
        TWOSTEP_PASSWORD__PLACES="2",
    )


async def flood(
    port: int, number: int, *, begun: asyncio.Event, stop: asyncio.Event
) -> list[Answer]:
    """Try passwords for names that nobody has, always from other addresses, until told to stop.
    `begun`: somebody has been turned away."""
    answers: list[Answer] = []
    while not stop.is_set():
        count = len(answers)
        form = {"username": f"nobody-{number}-{count}", "password": TYPED}
        source = f"127.{number + 1}.{count // 200}.{count % 200 + 1}"
        answers.append(await ask(port, post(port, "/sign-in", form), source=source))
        if answers[-1].status == 503:
            begun.set()
    return answers


def test_a_flood_of_passwords_holds_up_nobody_who_is_known(busy: Running) -> None:
    async def story() -> None:
        port = busy.port
        half = (await busy.sign_in(0)).cookies
        full = (await busy.finish(0, half)).cookies
        waiting = (await busy.sign_in(1)).cookies
        begun, stop = asyncio.Event(), asyncio.Event()
        tasks = [
            asyncio.create_task(flood(port, number, begun=begun, stop=stop)) for number in range(8)
        ]
        await asyncio.wait_for(begun.wait(), PATIENCE_SECONDS)

        checks = [await ask(port, get(port, "/api/session", cookie=full)) for _ in range(20)]
        assert {answer.status for answer in checks} == {200}
        assert (await ask(port, get(port, "/settings/security", cookie=full))).status == 200
        options = await ask(port, post(port, "/sign-in/passkey/options", {}))
        assert (options.status, "challenge" in options.body) == (200, True)
        passkey = post(port, "/sign-in/passkey-only", {"credential": "{}"})
        assert (await ask(port, passkey)).status == 422  # refused, not turned away
        assert (await busy.finish(1, waiting)).status == 303
        known = await busy.sign_in(2)  # its lane has places, whatever strangers do
        assert (known.status, known.headers["location"]) == (303, "/sign-in/code")

        stop.set()
        answers = [answer for each in await asyncio.gather(*tasks) for answer in each]
        assert {answer.status for answer in answers} <= {422, 429, 503}
        refused = [answer for answer in answers if answer.status == 503]
        assert refused
        for answer in refused:
            assert answer.headers["retry-after"] == "2"
            assert "Many people are signing in right now." in answer.body
            assert 'value="nobody-' in answer.body
            assert "hunter2" not in answer.body
        figures = busy.figures()
        assert figures["twostep_hash_refused_total"] == len(refused)
        assert figures["twostep_unavailable_total"] == len(refused)
        assert figures["twostep_hash_threads"] == 1

    asyncio.run(story())


@pytest.fixture(scope="module")
def strict(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One second for everything."""
    yield from running(
        shutil.copytree(made_once, tmp_path_factory.mktemp("strict") / "installed"),
        TWOSTEP_SERVER__CONNECTIONS="40",
        TWOSTEP_SERVER__HEADER_SECONDS="1",
        TWOSTEP_SERVER__BODY_SECONDS="1",
        TWOSTEP_SERVER__KEEP_ALIVE_SECONDS="1",
    )


def trickle(port: int, begin: bytes, drop: bytes) -> bytes:
    """Send one piece, then a little for as long as the server bears it; all that it said.

    With a plain socket: asyncio gives up what it has not read yet once a write fails.
    """
    said = b""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(0.1)
        connection.sendall(begin)
        while True:
            with suppress(OSError):
                connection.sendall(drop)
            try:
                piece = connection.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                return said
            if not piece:
                return said
            said += piece


def test_slow_clients_are_sent_away(strict: Running) -> None:
    port = strict.port
    head = (
        f"POST /sign-in HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n"
    )
    form = f"{head}Content-Type: application/x-www-form-urlencoded\r\n"
    nowhere = head.replace("/sign-in", "/nowhere")

    async def story() -> None:
        pieces = (
            (b"", b""),
            (head.encode(), b"X-Slow: 1\r\n"),
            (f"{form}Content-Length: 1000\r\n\r\nusername=".encode(), b"a"),
            (f"{nowhere}Content-Length: 1000\r\n\r\n".encode(), b"a"),
            (f"{form}Transfer-Encoding: chunked\r\n\r\n".encode(), b"1\r\na\r\n"),
        )
        silent, headers, body, dropped, unread = await asyncio.gather(
            *(asyncio.to_thread(trickle, port, *each) for each in pieces)
        )
        assert silent == b""
        assert headers.startswith(b"HTTP/1.1 408 ")
        assert body.startswith(b"HTTP/1.1 408 ")
        assert dropped.startswith(b"HTTP/1.1 404 ")
        assert unread.startswith(b"HTTP/1.1 408 ")
        assert (await ask(port, get(port, "/healthz"))).status == 200

    asyncio.run(story())
    figures = strict.figures()
    assert figures['twostep_connections_ended_total{reason="slow_headers"}'] >= 2
    assert figures['twostep_connections_ended_total{reason="unread_body"}'] >= 1
    wait_until("they stay", lambda: strict.figures()["twostep_connections"] == 0)


def test_answers_that_nobody_takes_are_given_up(strict: Running) -> None:
    """Ask for more and more, read nothing: sooner or later every buffer is full."""
    given_up = 'twostep_connections_ended_total{reason="answer_not_taken"}'
    answered = 'twostep_requests_total{status="2xx"}'
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", strict.port))
        before = strict.figures()
        for more in range(1, 100):
            client.sendall(get(strict.port, "/static/twostep.css") * 12)

            def is_over(asked: int = 12 * more) -> bool:
                now = strict.figures()
                return now[given_up] > before[given_up] or now[answered] - before[answered] >= asked

            wait_until("it neither answers nor gives up", is_over)
            if strict.figures()[given_up] > before[given_up]:
                return
    pytest.fail("there is no end to what it keeps for us")


def test_what_is_too_large_is_refused_before_it_is_kept(strict: Running) -> None:
    port = strict.port
    start = f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\n".encode()
    chunked = post(port, "/sign-in", {}).replace(
        b"Content-Length: 0", b"Transfer-Encoding: chunked"
    )

    async def send(request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = asyncio.create_task(read_to_end(reader))
        writer.write(request)
        said = await answer
        writer.close()
        return said

    async def story() -> None:
        huge_header, many_headers, huge_url, no_end = await asyncio.gather(
            send(start + b"X-Huge: " + b"a" * 40_000),
            send(start + b"X-Many: 1\r\n" * 4_000 + b"\r\n"),
            send(b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n"),
            send(chunked + b"4000\r\n" + b"a" * 0x4000 + b"\r\n"),
        )
        for said in (huge_header, many_headers, huge_url):
            assert said.startswith(b"HTTP/1.1 431 ")
        assert no_end.startswith(b"HTTP/1.1 408 ")
        long = post(port, "/sign-in", {"username": "a" * 70_000})
        assert (await ask(port, long)).status == 413
        assert (await send(b"\x16\x03\x01 no http\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
        assert (await ask(port, get(port, "/healthz"))).status == 200

    asyncio.run(story())
    figures = strict.figures()
    assert figures['twostep_connections_ended_total{reason="too_much"}'] >= 3
    assert figures['twostep_connections_ended_total{reason="no_http"}'] >= 1


def test_requests_in_a_row_are_answered_in_their_order_and_not_without_end(
    strict: Running,
) -> None:
    port = strict.port

    async def story() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get(port, "/healthz") + get(port, "/nowhere") + get(port, "/readyz"))
        assert [(await read_answer(reader)).status for _ in range(3)] == [200, 404, 200]
        # The connection is kept for a while, and no longer.
        assert await read_to_end(reader) == b""
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(get(port, "/readyz") * 2_000)
        said = await read_to_end(reader)
        assert said.count(b"HTTP/1.1 200 ") < 2_000
        writer.close()
        assert (await ask(port, get(port, "/healthz"))).status == 200

    asyncio.run(story())


def test_a_tls_connection_that_is_never_made_ends(folder: Path) -> None:
    write_certificate(folder)
    port = free_port()
    tls = ("--tls-cert", "cert.pem", "--tls-key", "key.pem")
    with serving(folder, port, *tls, TWOSTEP_SERVER__HEADER_SECONDS="1"):

        async def story() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await read_to_end(reader) == b""
            writer.close()

        asyncio.run(story())


@pytest.fixture
def small(folder: Path) -> Iterator[Running]:
    """Twenty places, in each of which one may take some time."""
    yield from running(folder, TWOSTEP_SERVER__CONNECTIONS="20")


def test_silent_connections_keep_nobody_out(small: Running) -> None:
    port = small.port

    async def story() -> None:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
        answers = [await ask(port, get(port, "/sign-in")) for _ in range(5)]
        assert {answer.status for answer in answers} == {200}
        closed = [reader.at_eof() for reader, _ in silent]
        assert all(closed[:20])  # the oldest went first
        assert not closed[-1]
        for _, writer in silent:
            writer.close()

    asyncio.run(story())
    figures = small.figures()
    assert figures['twostep_connections_ended_total{reason="for_another"}'] >= 20
    assert figures["twostep_connections_limit"] == 20
