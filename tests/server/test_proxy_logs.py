"""The files in `deploy/`, run by the real proxies: no log keeps what opens an account.

Links in mails carry a single-use secret, callbacks of gateways a signature.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def replaced(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


FILES = {
    "nginx": (nginx_file, ["-c"]),
    "caddy": (caddy_file, ["run", "--adapter", "caddyfile", "--config"]),
}


@contextmanager
def shipped(name: str, folder: Path, upstream: int) -> Iterator[int]:
    """The proxy with our file, without TLS; its port."""
    write, arguments = FILES[name]
    port, path = free_port(), folder / "config"
    path.write_text(write(folder, port, upstream), encoding="utf-8")
    with run_program([program(name), *arguments, str(path)], folder) as process:
        wait_for_port(process, port)
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
    with shipped(name, tmp_path, free_port() if is_away else line.port) as port:
        for path in (*PATHS, "/settings/profile"):
            assert line.runner.run(get(port, path)) == (502 if is_away else 200)
        wait_until("nothing is logged", lambda: "/settings/profile" in logged(tmp_path))
    text = logged(tmp_path)
    assert SECRET[:9] not in text
    assert "/reset-password/-" in text
    assert "/recover?-" in text
