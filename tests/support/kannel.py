"""Kannel from Debian with its fake SMS centre, on loopback: a gateway and a phone that others wrote."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_SECONDS, wait_for_port, wait_until


_BEGINS = re.compile(r"\S+ \+?\d+ (text|ucs-2|udh|data) ")
FAKESMSC = Path("/usr/lib/kannel/test/fakesmsc")
PASSWORD = "hush"
CONFIG = """
group = core
admin-port = {admin}
admin-password = adm
admin-interface = "127.0.0.1"
smsbox-port = {smsbox}
smsbox-interface = "127.0.0.1"
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"
log-file = "{folder}/bearerbox.log"
log-level = 0
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = FAKE
port = {centre}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {http}
sendsms-interface = "127.0.0.1"
sendsms-chars = "0123456789 +-"
log-file = "{folder}/smsbox.log"
log-level = 0
mo-recode = true

group = sendsms-user
username = panel
password = {password}
max-messages = 5
concatenation = true
denied-prefix = "+1900;"

group = sms-service
keyword = default
max-messages = 0
catch-all = true
{reply}
"""


@dataclass(frozen=True)
class Gateway:
    """A running gateway. `url`: of its smsbox; `phone`: what the fake centre printed."""

    url: str
    phone: Path
    folder: Path

    def messages(self) -> list[str]:
        """Texts on the phone, as the centre wrote them: `EXAMPLE +1202… text 123456 …`."""
        printed = self.phone.read_text(encoding="utf-8", errors="replace")
        texts: list[str] = []
        for line in re.findall(r"Got message \d+: <(.*?)>\s*$", printed, re.MULTILINE):
            # Its protocol is one of lines: what follows a line break looks like another message.
            if _BEGINS.match(line) or not texts:
                texts.append(line)
            else:
                texts[-1] += f"\n{line}"
        return texts

    def wait_for(self, count: int) -> list[str]:
        """The messages, once there are so many."""
        return self._wait(lambda messages: len(messages) >= count)

    def wait_for_text(self, text: str) -> list[str]:
        """The messages, once that whole text is among them."""
        return self._wait(lambda messages: text in {text_of(message) for message in messages})

    def _wait(self, enough: Callable[[list[str]], bool]) -> list[str]:
        wait_until("too little arrived", lambda: enough(self.messages()))
        return self.messages()


def text_of(message: str) -> str:
    """The text of a message as the phone shows it; empty for a part of several."""
    _, _, kind, text = message.split(" ", 3)
    if kind == "ucs-2":
        return unquote_to_bytes(text.replace("+", " ")).decode("utf-16-be")
    return text if kind == "text" else ""


def missing() -> str | None:
    """What this machine lacks; None: nothing."""
    if shutil.which("bearerbox") is None or shutil.which("smsbox") is None:
        return "Kannel is not here: apt-get install kannel kannel-extras"
    return None if FAKESMSC.exists() else "fakesmsc is not here: apt-get install kannel-extras"


@contextmanager
def open_gateway(folder: Path, *, post_url: str = "", says: str = "") -> Iterator[Gateway]:
    """Run bearerbox, smsbox and the fake centre; skip, saying why, where they are not installed.

    `says`: what the phone +12025550100 texts at once, `post_url`: where that goes.
    """
    if lacking := missing():
        pytest.skip(lacking)
    ports = {name: free_port() for name in ("admin", "smsbox", "centre", "http")}
    config = folder / "kannel.conf"
    reply = f'post-url = "{post_url}"\nsend-sender = true' if post_url else 'text = "nothing"'
    written = CONFIG.format(folder=folder, password=PASSWORD, reply=reply, **ports)
    config.write_text(written, encoding="utf-8")
    phone = folder / "phone.log"
    started: list[subprocess.Popen[bytes]] = []

    def start(*argv: str, output: Path) -> None:
        with output.open("wb") as log:
            started.append(subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, cwd=folder))

    try:
        start("bearerbox", "-v", "4", str(config), output=folder / "bearerbox.out")
        wait_for_port(started[0], ports["smsbox"])
        wait_for_port(started[0], ports["admin"])
        start("smsbox", "-v", "4", str(config), output=folder / "smsbox.out")
        wait_for_port(started[1], ports["http"])
        # It wants one message to send; without anything to say that one comes an hour from now.
        start(
            str(FAKESMSC), "-H", "127.0.0.1", "-r", str(ports["centre"]),
            "-i", "0.1" if says else "3600", "-m", "1",
            f"+12025550100 200 text {says or 'hello'}", output=phone,
        )  # fmt: skip
        wait_until("the fake centre does not come online", lambda: _is_online(ports["admin"]))
        yield Gateway(f"http://127.0.0.1:{ports['http']}", phone, folder)
    finally:
        for process in reversed(started):
            process.terminate()
        for process in reversed(started):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _is_online(port: int) -> bool:
    """Whether the centre's line is up, by the gateway's own page."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as line:
        line.sendall(b"GET /status.txt?password=adm HTTP/1.0\r\n\r\n")
        status = b""
        while chunk := line.recv(4096):
            status += chunk
    return b"(online" in status
