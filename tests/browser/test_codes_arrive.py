"""Codes that arrive, whole: a real installation, a real browser, a gateway with a phone behind it,
and a call that is taken, heard and written down."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import parse_qs

import httpx2
import pytest
from playwright.sync_api import Browser, expect
from twilio.request_validator import RequestValidator

from tests.cli.conftest import PASSWORD
from tests.support import kannel, listener
from tests.support.chromium import BrowserWalker, watched
from tests.support.installed import HOST, USER, install, serving
from tests.support.kannel import Gateway, open_gateway, text_of
from tests.support.listener import DIGITS, action_of, hear, said, speak
from tests.support.live import app_code
from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_SECONDS


pytestmark = pytest.mark.browser

SECURITY = "/settings/security"
TOKEN = "twilios auth token"
CODES = ("012345", "907060")  # what an ear knows surely, leading zeros included


@dataclass
class Story:
    """Somebody at a browser; `channel` is the circle that they choose for their phone."""

    walker: BrowserWalker
    channel: str

    def begin(self) -> None:
        """Sign in for the first time, set an app up, and ask for a code to a backup phone."""
        self.sign_in()
        self.walker.arrive("/", f"Welcome, {USER}")
        self.walker.open(f"{SECURITY}/app/new")
        self.walker.arrive(f"{SECURITY}/app/new", "Set up your authenticator app")
        uri = self.walker.read_picture()
        # One that has just changed is still taken.
        code = app_code(uri, now=int(time.time()))  # noqa: TID251  the machine's clock is its clock
        self.walker.fill("6-digit code shown in the app", code)
        self.walker.press("Next")
        self.walker.arrive(
            f"{SECURITY}/spare", "Two-step sign-in is on. Now add another way to sign in."
        )
        self.walker.press("Add phone number")
        self.walker.select("Country or region", "United States (")
        self.walker.fill("Phone number", "(202) 555-0100")
        self.walker.choose(self.channel)
        self.walker.press("Next")
        self.walker.arrive(f"{SECURITY}/phone/confirm", "Check your phone")

    def confirm(self, code: str) -> None:
        """Type the code that came, and sign out."""
        self.walker.fill("6-digit code", code)
        self.walker.press("Next")
        self.walker.arrive(SECURITY, "Account security")
        self.walker.open_menu(USER)
        self.walker.press("Sign out")
        self.walker.arrive("/sign-in", "Sign in to Example Panel")

    def sign_in(self) -> None:
        self.walker.open("/sign-in")
        self.walker.fill("Username or e-mail", USER)
        self.walker.fill("Password", PASSWORD)
        self.walker.press("Sign in")

    def ask(self, button: str) -> None:
        """The first step, and a code to the phone."""
        self.sign_in()
        self.walker.arrive("/sign-in/code", "Enter the code from your app")
        self.walker.press(button)
        self.walker.arrive("/sign-in/code", "Check your phone")

    def sees(self, state: str, words: str) -> None:
        """The line on the page says so by itself, without being asked again."""
        line = self.walker.page.locator("[data-delivery-state]")
        expect(line).to_have_attribute("data-delivery-state", state)
        expect(line).to_contain_text(words)

    def finish(self, code: str) -> None:
        self.walker.fill("6-digit code", code)
        self.walker.press("Continue")
        self.walker.arrive("/", f"Welcome, {USER}")


def read_text(gateway: Gateway, count: int, host: str) -> str:
    """The code of the newest text on the phone."""
    text = text_of(gateway.wait_for(count)[-1])
    while "\n" not in text:  # its last line is still being written
        gateway.wait_for(count)
        text = text_of(gateway.messages()[-1])
    code = text[:6]
    gateway.wait_for_text(text_of(gateway.messages()[-1]))
    assert re.fullmatch(r"\d{6}", code), text
    assert text_of(gateway.messages()[-1]).endswith(f"\n\n@{host} #{code}")
    return code


def test_a_text_through_a_real_gateway_is_read_off_the_phone_and_lets_in(
    browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "kannel").mkdir()
    port = free_port()
    url = f"http://localhost:{port}"
    with open_gateway(tmp_path / "kannel") as gateway:
        environ = install(
            tmp_path,
            url,
            TWOSTEP_KANNEL__URL=gateway.url,
            TWOSTEP_KANNEL__USER="panel",
            TWOSTEP_KANNEL__PASSWORD=kannel.PASSWORD,
            TWOSTEP_KANNEL__FROM="EXAMPLE",
        )
        with serving(tmp_path, port, environ), watched(browser, url) as context:
            story = Story(BrowserWalker(context.new_page()), "Text message")
            story.begin()
            # The gateway has called back by itself.
            story.sees("delivered", "Delivered")
            story.confirm(read_text(gateway, 1, "localhost"))
            story.ask("Send text")
            story.finish(read_text(gateway, 2, "localhost"))
            assert len(gateway.messages()) == 2


@dataclass
class Exchange:
    """Twilio's Calls interface: takes calls, and signs as the vendor's own code does.

    `port`: where the panel really is, whose public name nobody else knows.
    """

    port: int
    url: str = ""
    placed: list[dict[str, str]] = field(default_factory=list)
    rang: Event = field(default_factory=Event)

    def next_call(self) -> dict[str, str]:
        """The parameters of the call that is placed now."""
        assert self.rang.wait(PATIENCE_SECONDS), "no call was placed"
        self.rang.clear()
        return self.placed[-1]

    def ask(self, url: str, **parameters: str) -> str:
        """Ask the panel as Twilio does; its answer."""
        form = {"CallSid": "CA1", "CallStatus": "in-progress", **parameters}
        signature = RequestValidator(TOKEN).compute_signature(url, form)
        origin = f"https://{HOST}:{self.port}"
        answer = httpx2.post(
            url.replace(origin, f"https://127.0.0.1:{self.port}"),
            data=form,
            headers={"host": f"{HOST}:{self.port}", "x-twilio-signature": signature},
            verify=False,
            timeout=PATIENCE_SECONDS,
            trust_env=False,
        )
        assert answer.is_success, answer.text
        return answer.text

    def take_call(self, folder: Path) -> str:
        """Pick up, press the key that is named, and write down what is heard."""
        call = self.next_call()
        assert call["Url"].startswith(f"https://{HOST}:{self.port}/telephony/twilio/call/")
        self.ask(call["StatusCallback"], CallStatus="ringing")
        introduction = self.ask(call["Url"])
        announced = re.search(r"To hear it, press (\w+)\.", introduction)
        assert announced
        action = action_of(introduction)
        assert action
        parts = list(said(self.ask(action, Digits=str(DIGITS.index(announced[1])))))
        begin = next(i for i, part in enumerate(parts) if part.words == "Your code is:")
        heard = hear(speak(parts[begin + 1 : begin + 12], folder))
        self.ask(call["StatusCallback"], CallStatus="completed")
        return heard


@contextmanager
def open_exchange(port: int) -> Iterator[Exchange]:
    exchange = Exchange(port)

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path.endswith("/Calls.json")
            raw = self.rfile.read(int(self.headers["content-length"])).decode()
            exchange.placed.append({name: value for name, (value,) in parse_qs(raw).items()})
            body = json.dumps({"sid": "CA1", "status": "queued"}).encode()
            self.send_response(201)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            exchange.rang.set()

        def log_message(self, *_given: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    exchange.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield exchange
    finally:
        server.shutdown()
        server.server_close()


def test_a_call_is_taken_heard_and_typed_and_lets_in(browser: Browser, tmp_path: Path) -> None:
    listener.need()
    port = free_port()
    url = f"https://{HOST}:{port}"
    with open_exchange(port) as exchange:
        environ = install(
            tmp_path,
            url,
            TWOSTEP_TWILIO__ACCOUNT_SID="AC" + "0" * 32,
            TWOSTEP_TWILIO__AUTH_TOKEN=TOKEN,
            TWOSTEP_TWILIO__FROM_NUMBER="+12025550199",
            TWOSTEP_TWILIO__API_URL=exchange.url,
        )
        with (
            serving(tmp_path, port, environ, tls=True, codes=CODES),
            watched(browser, url, ignore_https_errors=True) as context,
        ):
            story = Story(BrowserWalker(context.new_page()), "Phone call (works with landlines)")
            story.begin()
            story.sees("accepted", "Calling since")
            heard = exchange.take_call(tmp_path)
            assert heard == CODES[0]
            story.sees("delivered", "The phone was answered")
            story.confirm(heard)
            story.ask("Call me")
            heard = exchange.take_call(tmp_path)
            assert heard == CODES[1]
            story.sees("delivered", "The phone was answered")
            story.finish(heard)
            assert len(exchange.placed) == 2
