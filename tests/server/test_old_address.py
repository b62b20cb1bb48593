"""The blocks for the old name in the guide, run by the real proxies: links in mails still lead on,
browsers hear where passkeys may be used, and no log keeps a secret."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.server.test_proxy_logs import FILES, SECRET, caddy_file, logged, nginx_file, replaced
from tests.support.patroni import DEPLOY
from tests.support.ports import free_port
from tests.support.proxies import program, run_program
from tests.support.raw_client import Answer, read_answer
from tests.support.waiting import PATIENCE_SECONDS, wait_for_port, wait_until


GUIDE = DEPLOY.parent / "docs/how-to/change-the-address.md"
NEW = "https://sso.example.com"


def block(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return text


def with_old_name(name: str, folder: Path, port: int) -> str:
    """Our file, with the guide's block for the old name at this port."""
    if name == "nginx":
        text = re.sub(r"\n +(?:listen \[::\]|ssl_).*", "", block("nginx"))
        changes = {
            "listen 443 ssl http2;": f"listen 127.0.0.1:{port};",
            "/var/log/nginx": str(folder),
        }
        shipped = nginx_file(folder, free_port(), free_port()).removesuffix("}\n")
        return f"{shipped}{replaced(text, changes)}}}\n"
    changes = {"panel.example.com {": f"http://:{port} {{\n\tbind 127.0.0.1"}
    return caddy_file(folder, free_port(), free_port()) + replaced(block("caddy"), changes)


@contextmanager
def old_name(name: str, folder: Path) -> Iterator[int]:
    port, path = free_port(), folder / "config"
    path.write_text(with_old_name(name, folder, port), encoding="utf-8")
    with run_program([program(name), *FILES[name][1], str(path)], folder) as process:
        wait_for_port(process, port)
        yield port


async def get(port: int, path: str) -> Answer:
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: panel.example.com\r\n\r\n".encode())
        try:
            return await read_answer(reader)
        finally:
            writer.close()


@pytest.mark.parametrize("name", ["nginx", "caddy"])
def test_the_old_name_leads_on(tmp_path: Path, name: str) -> None:
    with old_name(name, tmp_path) as port:
        for path in (f"/not-me/{SECRET}", f"/recover?link={SECRET}", "/settings/profile"):
            answer = asyncio.run(get(port, path))
            assert (answer.status, answer.headers["location"]) == (301, NEW + path)
        answer = asyncio.run(get(port, "/.well-known/webauthn"))
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert json.loads(answer.body) == {"origins": [NEW]}
        wait_until("nothing is logged", lambda: "/settings/profile" in logged(tmp_path))
    assert SECRET[:9] not in logged(tmp_path)
