"""What one visitor sends behind a proxy, and what it does to another: nothing."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import ssl
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import patroni
from tests.support.nodes import HOST, Installation, Node, install
from tests.support.ports import free_port
from tests.support.raw_client import Answer, read_answer
from tests.support.waiting import PATIENCE_SECONDS, wait_until


PASSWORD = "correct horse battery 9"
VISITOR = "203.0.113.7"
TRIES = 25
# What Java's HttpClient adds to everything that it sends on plain http.
JAVA = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIA\r\n"


@dataclass
class Panel:
    """A served installation that trusts the proxies of this machine."""

    installation: Installation
    node: Node

    @property
    def port(self) -> int:
        return self.node.address[1]

    def networks(self) -> set[str]:
        """Those of the trail."""
        lines = self.installation.call("audit", "export").splitlines()
        return {event["network"] for event in map(json.loads, lines) if event.get("network")}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """With an account that has only a password."""
    folder = tmp_path_factory.mktemp("panel")
    made = install(
        folder,
        f"sqlite:///{folder}/data/twostep.sqlite3",
        TWOSTEP_TRUSTED_PROXIES='["127.0.0.1"]',
        TWOSTEP_POLICY__REQUIRE_TWO_STEP="none",
    )
    made.call("user", "add", "bob", "--email", "b@example.com", "--password-stdin", typed=PASSWORD)
    return made


@pytest.fixture
def panel(installation: Installation) -> Iterator[Panel]:
    with installation.run("serve") as node:
        yield Panel(installation, node)


def page(path: str, *, cookie: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {cookie}\r\n\r\n".encode()


def head(path: str, *lines: str) -> bytes:
    """Of a form that our own page sent through a proxy. `lines`: further headers, with line ends."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nOrigin: https://{HOST}\r\n"
        f"X-Forwarded-For: {VISITOR}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"{''.join(lines)}\r\n"
    ).encode()


async def ask(
    port: int, *requests: Sequence[bytes], tls: ssl.SSLContext | None = None
) -> list[Answer]:
    """Send requests on one connection, as a proxy does for all its visitors: each when the one before
    is answered, in pieces that arrive apart."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        try:
            answers = []
            for pieces in requests:
                for piece in pieces:
                    writer.write(piece)
                    await asyncio.sleep(0.02)
                answers.append(await read_answer(reader))
            return answers
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


def sign_in(port: int, *lines: str, password: str = PASSWORD) -> Answer:
    body = f"username=bob&password={password.replace(' ', '+')}".encode()
    request = head("/sign-in", f"Content-Length: {len(body)}\r\n", *lines)
    return asyncio.run(ask(port, [request, body]))[0]


def test_a_program_that_also_speaks_http_2_signs_in(panel: Panel) -> None:
    for lines in ((), (JAVA,), ("Connection: Upgrade\r\nUpgrade: websocket\r\n",)):
        answer = sign_in(panel.port, *lines)
        assert (answer.status, answer.headers["location"]) == (303, "/")
        assert "__Host-twostep=" in answer.cookies


def test_no_body_becomes_the_beginning_of_the_next_visitors_request(panel: Panel) -> None:
    """A form whose second half would end another visitor's session, with that visitor's cookie."""
    cookie = sign_in(panel.port).cookies
    hidden = head("/sign-out", "Content-Length: 0\r\n").removesuffix(b"\r\n") + b"X-Pad: "
    begin = b"username=nobody&password=nothing&x="
    length = f"Content-Length: {len(begin + hidden)}\r\n"
    visits = [[page(path, cookie=cookie)] for path in ("/settings/security", "/api/session")]
    for wish in (JAVA, "Connection: upgrade\r\nUpgrade: foo\r\n"):
        attack = [head("/sign-in", length, wish) + begin, hidden]
        refused, visited, session = asyncio.run(ask(panel.port, attack, *visits))
        assert refused.status == 422
        assert (visited.status, "Account security" in visited.body) == (200, True)
        assert session.status == 200


# ── fields after the body ────────────────────────────────────────────────────────────────────────


def guess(number: int) -> list[bytes]:
    """A wrong password that says after its body that it comes from elsewhere, each time from another
    network."""
    body = b"username=bob&password=wrong"
    late = f"0\r\nX-Forwarded-For: 198.51.100.{number}\r\n\r\n".encode()
    chunked = b"%x\r\n%s\r\n" % (len(body), body) + late
    return [head("/sign-in", "Transfer-Encoding: chunked\r\n") + chunked]


def guess_often(panel: Panel, port: int, *, tls: ssl.SSLContext | None = None) -> None:
    """All tries count for one network."""
    answers = [asyncio.run(ask(port, guess(number), tls=tls))[0] for number in range(TRIES)]
    counts = Counter(answer.status for answer in answers)
    assert counts.keys() == {422, 429}
    assert counts[429] > TRIES // 2


def test_what_stands_after_the_body_changes_no_network_and_no_limit(panel: Panel) -> None:
    guess_often(panel, panel.port)
    assert panel.networks() == {VISITOR}


@contextmanager
def haproxy(folder: Path, panel: Panel) -> Iterator[int]:
    """HAProxy in front of it, with the rules of `deploy/haproxy.cfg`; where it takes https."""
    program = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip("haproxy is missing: run tools/test_packages.sh")
    port, file = free_port(), patroni.haproxy_file(folder)
    text = file.read_text(encoding="utf-8")
    for old, new in {
        "127.0.0.11:443": f"127.0.0.1:{port}",
        "127.0.0.11:8080": f"127.0.0.1:{panel.port}",
        "127.0.0.1:5000": f"127.0.0.1:{free_port()}",
        "    bind 127.0.0.11:80\n": "",
        "    server node2 127.0.0.12:8080\n": "",
        "    user haproxy\n    group haproxy\n": "",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    process = subprocess.Popen([program, "-db", "-f", file])
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def test_nor_does_it_through_haproxy(panel: Panel, tmp_path: Path) -> None:
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    with haproxy(tmp_path, panel) as port:

        def is_up() -> bool:
            try:
                (answer,) = asyncio.run(ask(port, [page("/readyz", cookie="")], tls=tls))
            except OSError:
                return False
            return answer.status == 200

        wait_until("HAProxy does not find the node", is_up)
        guess_often(panel, port, tls=tls)
    assert panel.networks() <= {VISITOR, "127.0.0.1"}


def test_caddy_hands_no_wish_for_another_protocol_on() -> None:
    text = (patroni.DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    assert re.search(r"reverse_proxy \S+ \{\n[^{}]*\bheader_up -Upgrade\n", text)
