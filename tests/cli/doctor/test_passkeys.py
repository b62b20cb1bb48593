"""Doctor says which passkeys a new address left behind, and whether the old one lets them follow."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cli.doctor.test_address import findings, write_certificate
from tests.support.authenticator import Authenticator
from tests.support.house import House
from tests.support.installed import inside
from tests.support.ports import free_port
from twostep.core.refusal import Refused
from twostep.flows.methods import enroll_passkey
from twostep.flows.methods.enroll_passkey import PasskeyAdded
from twostep.flows.operate import look_outside
from twostep.flows.sign_in import passkey_step
from twostep.flows.sign_in.complete import SignedIn


OLD, NEW = "https://panel.example.com", "https://sso.example.com"
SETTINGS = {"TWOSTEP_PASSWORD__PROFILE": "test"}


async def enrol(house: House, name: str, *, count: int = 1) -> Authenticator:
    """Add an account with that many passkeys; the last one."""
    account = await house.add(name)
    signed_in = await house.sign_in(name)
    for _ in range(count):
        key = Authenticator(house.env.settings.public_url)
        visit = house.by(token=signed_in.token)
        options = await visit.do(enroll_passkey.begin_passkey, account, signed_in.session)
        assert not isinstance(options, Refused)
        added = await visit.do(
            enroll_passkey.finish_passkey, signed_in.session, typed=key.create(options), name=""
        )
        assert isinstance(added, PasskeyAdded), added
        signed_in = added.signed_in
    return key


def said(twostep, **settings: str) -> list[tuple[str, str]]:
    return findings(twostep("doctor", "--json", "--offline", **settings), "passkeys")


def test_passkeys_of_the_old_address_are_counted(twostep, folder):
    async def live() -> None:
        async with inside(folder, {**SETTINGS, "TWOSTEP_PUBLIC_URL": OLD}) as house:
            await enrol(house, "alice", count=2)
            await enrol(house, "bob")

    asyncio.run(live())
    assert said(twostep, TWOSTEP_PUBLIC_URL=OLD) == []
    assert ", for panel.example.com" in twostep("user", "show", "alice").out
    text = (
        "3 passkeys of 2 accounts belong to panel.example.com and cannot be used at"
        " https://sso.example.com. docs/how-to/change-the-address.md says what to do."
    )
    assert said(twostep, TWOSTEP_PUBLIC_URL=NEW) == [("warning", text)]
    # They follow where the settings name their domain, and go astray where that changes instead.
    bound = {"TWOSTEP_PUBLIC_URL": NEW, "TWOSTEP_PASSKEYS__RP_ID": "panel.example.com"}
    assert said(twostep, **bound) == []
    above = {"TWOSTEP_PUBLIC_URL": OLD, "TWOSTEP_PASSKEYS__RP_ID": "example.com"}
    assert "belong to panel.example.com" in str(said(twostep, **above))


def test_a_passkey_of_before_is_known_once_it_is_used(twostep, folder):
    """Which settings it was made under is not known; the ones it was used under are."""
    old = {**SETTINGS, "TWOSTEP_PUBLIC_URL": OLD}

    async def enrol_and_forget() -> Authenticator:
        async with inside(folder, old) as house:
            key = await enrol(house, "alice")
            await house.by().do(lambda turn: turn.tx.do("UPDATE passkeys SET rp_id = ''"))
            return key

    async def use(key: Authenticator) -> None:
        async with inside(folder, old) as house:
            typed = key.get(passkey_step.options_alone(house.env, now=house.now))
            step = await house.by().do(passkey_step.sign_in_alone, typed=typed, next_path="/")
            assert isinstance(step, SignedIn), step

    key = asyncio.run(enrol_and_forget())
    assert said(twostep, TWOSTEP_PUBLIC_URL=NEW) == []
    asyncio.run(use(key))
    assert "1 passkey of 1 account belongs to panel.example.com" in str(
        said(twostep, TWOSTEP_PUBLIC_URL=NEW)
    )


@contextmanager
def old_host(folder: Path, port: int, answers: list[tuple[int, str]]) -> Iterator[None]:
    """What still answers at the old name, with TLS; each answer once."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.pop(0) if self.path == "/.well-known/webauthn" else (404, "")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(write_certificate(folder))
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as listening:
        listening.socket = context.wrap_socket(
            listening.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            listening.shutdown()
            thread.join()


def test_the_old_name_is_asked_whether_browsers_may_go_on(
    twostep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    port, closed = free_port(), free_port()
    monkeypatch.setattr(look_outside, "HTTPS_PORT", port)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    new = f"https://127.0.0.1:{closed}"
    settings = {"TWOSTEP_PUBLIC_URL": new, "TWOSTEP_PASSKEYS__RP_ID": "localhost"}

    def asked() -> tuple[str, str]:
        (finding,) = findings(twostep("doctor", "--json", **settings), "passkeys")
        return finding

    answers = [
        (200, json.dumps({"origins": [new]})),
        (200, json.dumps({"origins": ["https://other.example.com"]})),
        (200, "moved"),
        (200, "[]"),
        (404, ""),
    ]
    with old_host(tmp_path, port, answers):
        address = "https://localhost/.well-known/webauthn"
        assert asked() == ("ok", f"{address} lets browsers use its passkeys at {new}")
        for says in (f"does not list {new}", "no JSON", "no JSON", "HTTP 404"):
            level, text = asked()
            assert (level, says in text, "change-the-address.md" in text) == ("error", True, True)
    level, text = asked()
    assert (level, "Nothing listens" in text) == ("error", True)
