"""The files in `deploy/`, run by the real proxies: no log keeps what opens an account.

Links in mails carry a single-use secret, callbacks of gateways a signature.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.patroni import DEPLOY
from tests.support.ports import free_port
from tests.support.proxies import program, run_program
from tests.support.raw_client import read_answer
from tests.support.recorder import Line, open_line
from tests.support.waiting import PATIENCE_SECONDS, wait_for_port, wait_until
from twostep.core.messages import links
from twostep.web.routes import PAGES


SECRET = "S3cr3tS3cr3tS3cr3tS3cr"  # as long as a link's, which has 128 bits
PATHS = (
    *(page.path.replace("{token}", SECRET) for page in PAGES if "{token}" in page.path),
    links.FINISH_RECOVERY.format(token=SECRET),
    f"/reset-password/{SECRET}/",
    f"/not-me/%53{SECRET}?x",
    f"//not-me/{SECRET}",
    f"/telephony/vonage/status/m1?sig={SECRET[:9]}",
    f"/telephony/kannel/status/m1?a=b&signature={SECRET[:9]}",
)


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    with open_line() as opened:
        yield opened


def nginx_file(folder: Path, port: int, upstream: int) -> str:
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    text = re.sub(r"\n +(?:listen \[::\]|ssl_).*", "", text)
    changes = {
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port};",
        "/var/log/nginx": str(folder),
        "127.0.0.1:8080": f"127.0.0.1:{upstream}",
    }
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/nginx.log;\n"
        f"events {{ worker_connections 64; }}\nhttp {{\n{places}{replaced(text, changes)}}}\n"
    )


def caddy_file(_folder: Path, port: int, upstream: int) -> str:
    text = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    changes = {
        "\n{\n": "\n{\n\tadmin off\n",
        "panel.example.com {": f"http://:{port} {{\n\tbind 127.0.0.1",
        "127.0.0.1:8080": f"127.0.0.1:{upstream}",
    }
    return replaced(text, changes)


def traefik_file(folder: Path, port: int, upstream: int) -> str:
    routes = (DEPLOY / "traefik/twostep.yml").read_text(encoding="utf-8")
    changes = {
        "127.0.0.1:8080": f"127.0.0.1:{upstream}",
        "      tls: {certResolver: letsencrypt}\n": "",
    }
    (folder / "twostep.yml").write_text(replaced(routes, changes), encoding="utf-8")
    text = (DEPLOY / "traefik/traefik.yml").read_text(encoding="utf-8")
    changes = {
        '":80"': f'"127.0.0.1:{free_port()}"',
        '":443"': f'"127.0.0.1:{port}"',
        "/etc/traefik": str(folder),
        "/var/log/traefik": str(folder),
    }
    return replaced(text, changes)


def replaced(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


FILES = {
    "nginx": (nginx_file, ["-c"]),
    "caddy": (caddy_file, ["run", "--adapter", "caddyfile", "--config"]),
    "traefik": (traefik_file, ["--configFile"]),
}


@contextmanager
def shipped(
    name: str, folder: Path, upstream: int, run: Callable[[Coroutine[Any, Any, int]], int]
) -> Iterator[int]:
    """The proxy with our file, without TLS; its port. `run`: lets the server behind it answer too."""
    write, arguments = FILES[name]
    port, path = free_port(), folder / "config.yml"  # Traefik goes by its end
    path.write_text(write(folder, port, upstream), encoding="utf-8")
    with run_program([program(name), *arguments, str(path)], folder) as process:
        wait_for_port(process, port)
        # Traefik listens before it has read its routes.
        wait_until("no route", lambda: run(get(port, "/up")) != 404)
        yield port


async def get(port: int, path: str) -> int:
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        referrer = f"https://panel.example.com/reset-password/{SECRET}"
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: panel.example.com\r\nReferer: {referrer}\r\n"
            f"Cookie: {'a' * 9000}\r\n\r\n".encode()
        )
        try:
            return (await read_answer(reader)).status
        finally:
            writer.close()


def logged(folder: Path) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in folder.glob("*log"))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("is_away", [False, True], ids=["serving", "away"])
def test_no_log_of_a_shipped_file_has_a_secret(
    line: Line, tmp_path: Path, name: str, *, is_away: bool
) -> None:
    with shipped(name, tmp_path, free_port() if is_away else line.port, line.runner.run) as port:
        for path in (*PATHS, "/settings/profile"):
            assert line.runner.run(get(port, path)) == (502 if is_away else 200)
        # Traefik cannot shorten a path, so it logs none: only how many there were, with `/up`.
        mark, times = "/settings/profile", 1
        if name == "traefik":
            mark, times = '"RouterName":"twostep@file"', len(PATHS) + 2
        wait_until("nothing is logged", lambda: logged(tmp_path).count(mark) >= times)
    text = logged(tmp_path)
    assert SECRET[:9] not in text
    if name != "traefik":
        assert "/reset-password/-" in text
        assert "/recover?-" in text


class Mirror(BaseHTTPRequestHandler):
    """Answers with the headers that arrived."""

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def mirror() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield listening.server_port
        finally:
            listening.shutdown()
            thread.join()


async def reflect(port: int) -> dict[str, str]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        forged = "for=203.0.113.9"
        writer.write(
            b"GET / HTTP/1.1\r\nHost: panel.example.com\r\nConnection: Upgrade\r\nUpgrade: foo\r\n"
            + f"X-Forwarded-For: 203.0.113.9\r\nForwarded: {forged}\r\n".encode()
            + b"X-Request-ID: named-by-a-visitor\r\n\r\n"
        )
        try:
            return dict(json.loads((await read_answer(reader)).body))
        finally:
            writer.close()


@pytest.mark.parametrize("name", FILES)
def test_a_shipped_file_hands_on_what_counts_and_nothing_forged(tmp_path: Path, name: str) -> None:
    with mirror() as upstream, shipped(name, tmp_path, upstream, asyncio.run) as port:
        arrived = asyncio.run(reflect(port))
    assert arrived["host"] == "panel.example.com"
    assert arrived["x-forwarded-for"] == "127.0.0.1"
    assert "forwarded" not in arrived
    assert "upgrade" not in arrived
    if name == "traefik":  # it has no names of its own
        assert "x-request-id" not in arrived
    else:
        assert re.fullmatch("[0-9a-f-]{32,36}", arrived["x-request-id"])
    if name == "nginx":
        wait_until("it is not logged", lambda: arrived["x-request-id"] in logged(tmp_path))
