"""A whole call: placed through Twilio's interface, asked for step by step under its own signature,
spoken by a real voice, heard by a real ear, typed, and the dashboard opens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from twilio.request_validator import RequestValidator

from tests.support import listener
from tests.support.fake_provider import FakeProvider, answer, fake_provider, replying
from tests.support.listener import DIGITS, action_of, hear, said, speak
from tests.support.product import Browser, TestProduct, open_test_product, words
from twostep.core.messages.channel import Channel
from twostep.core.methods import out_of_band
from twostep.delivery.carriers.twilio import Twilio, TwilioAccount
from twostep.delivery.carriers.twilio_callback import TwilioCallbacks
from twostep.delivery.console import Console, Inbox
from twostep.delivery.message import Message
from twostep.delivery.port import SendOutcome
from twostep.main import build_app
from twostep.store.methods import phones


SECRET = "twilios auth token"
BASE = "https://panel.example.com/telephony/twilio"
FEW = ("012345", "907060")
MANY = ("000111", "555123", "876543", "666999", "308080", "747474", "200208", "991910", "431852",
        "600009")  # fmt: skip


@dataclass(frozen=True)
class TwilioOnce:
    """Twilio's channel, with a client that is made on the product's own loop."""

    api: FakeProvider
    name: str = "twilio"
    kinds: frozenset[Channel] = frozenset({Channel.SMS, Channel.CALL})

    async def send(self, message: Message, *, now: int) -> SendOutcome:
        account = TwilioAccount(
            "AC" + "0" * 32, "SK1", "hush", "+12025550199", "+12025550199", BASE, self.api.url
        )
        async with httpx2.AsyncClient() as client:
            return await Twilio(account, client).send(message, now=now)


@dataclass(frozen=True)
class Line:
    """The product, and Twilio's side of a call."""

    product: TestProduct
    api: FakeProvider

    def placed(self) -> dict[str, str]:
        """The parameters of the newest call."""
        self.product.deliver()
        taken = self.api.taken[-1]
        assert taken.line.startswith("POST /2010-04-01/Accounts/AC")
        return {name: value for name, (value,) in parse_qs(taken.body.decode()).items()}

    def request(self, url: str, **parameters: str) -> httpx2.Response:
        """Ask as Twilio does: the vendor's own code signs."""
        form = {"CallSid": "CA1", "CallStatus": "in-progress", **parameters}
        signature = RequestValidator(SECRET).compute_signature(url, form)
        parts = urlsplit(url)
        return self.product.run(self._post(f"{parts.path}?{parts.query}", form, signature))

    async def _post(self, path: str, form: dict[str, str], signature: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(self.product.app, client=("203.0.113.5", 4000))
        async with httpx2.AsyncClient(transport=transport, base_url=self.product.url) as client:
            headers = {"x-twilio-signature": signature}
            return await client.post(path.rstrip("?"), data=form, headers=headers)


@contextmanager
def open_line(folder: Path) -> Iterator[Line]:
    opened = fake_provider(replying(answer(201, {"sid": "CA1", "status": "queued"})))
    channel_list: list[object] = []
    channels = {
        Channel.SMS: channel_list,
        Channel.CALL: channel_list,
        Channel.EMAIL: [Console(Inbox())],
    }
    with open_test_product(folder, channels=channels) as product:
        api = product.run(opened.__aenter__())
        channel_list.append(TwilioOnce(api))
        callbacks = TwilioCallbacks(product.url, "/telephony/twilio", SECRET)
        env = replace(product.env, callbacks={"twilio": callbacks})
        house = replace(product.house, env=env)
        try:
            yield Line(TestProduct(house, build_app(env), product.runner), api)
        finally:
            product.run(opened.__aexit__(None, None, None))


def take_call(line: Line, folder: Path) -> str:
    """Pick up, press the announced key, and write down what is heard."""
    placed = line.placed()
    assert placed["Url"].startswith(f"{BASE}/call/")
    introduction = line.request(placed["Url"])
    assert introduction.status_code == 200
    spoken = " ".join(part.words for part in said(introduction.text))
    announced = re.search(r"To hear it, press (\w+)\.", spoken)
    assert announced
    assert set(re.findall(r"\w+", spoken)) & set(DIGITS) == {announced[1], "nine"}
    action = action_of(introduction.text)
    assert action
    reading = line.request(action, Digits=str(DIGITS.index(announced[1])))
    parts = list(said(reading.text))
    begin = next(i for i, part in enumerate(parts) if part.words == "Your code is:")
    # What comes before the first digit would not fit the ear's grammar.
    first = parts[begin + 1 : begin + 12]
    heard = hear(speak(first, folder))
    line.request(placed["StatusCallback"], CallStatus="completed")
    return heard


def enrol_and_sign_in(line: Line, folder: Path, codes: tuple[str, ...], monkeypatch) -> None:
    left = iter(codes)
    monkeypatch.setattr(out_of_band, "new_code", lambda: next(left))
    product = line.product
    account = product.add_account()
    alice = product.browser()
    alice.sign_in()
    alice.enroll_app()
    form = {"country": "US", "number": "(202) 555-0100", "channel": "call"}
    assert alice.post("/settings/security/phone/new", **form).status_code == 303
    heard = take_call(line, folder)
    assert heard == codes[0]
    confirmed = alice.post("/settings/security/phone/confirm", code=heard)
    assert confirmed.headers["location"] == "/settings/security"
    (phone,) = product.env.store.read_now(phones.list_confirmed, account.id)
    for code in codes[1:]:
        product.clock.forward(90_000)
        _sign_in(line, folder, phone.id, code, product.browser(network="198.51.100.20"))


def _sign_in(line: Line, folder: Path, phone: str, code: str, browser: Browser) -> None:
    assert browser.sign_in().headers["location"] == "/sign-in/code"
    assert browser.post("/sign-in/send", method=phone, channel="call").status_code == 303
    heard = take_call(line, folder)
    assert heard == code
    page = browser.get("/sign-in/code")
    assert 'data-delivery-state="delivered"' in page.text
    assert "The phone was answered" in words(page)
    assert browser.post("/sign-in/code", code=heard).headers["location"] == "/"
    assert browser.get("/").status_code == 200


def test_two_calls_are_heard_and_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener.need()
    with open_line(tmp_path) as line:
        enrol_and_sign_in(line, tmp_path, FEW, monkeypatch)
        assert len(line.api.taken) == len(FEW)


@pytest.mark.soak
def test_ten_calls_are_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listener.need()
    with open_line(tmp_path) as line:
        enrol_and_sign_in(line, tmp_path, MANY, monkeypatch)
        assert len(line.api.taken) == len(MANY)


def test_without_a_key_or_a_signature_nothing_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out_of_band, "new_code", lambda: "482915")
    with open_line(tmp_path) as line:
        line.product.add_account()
        alice = line.product.browser()
        alice.sign_in()
        alice.enroll_app()
        form = {"country": "US", "number": "(202) 555-0100", "channel": "call"}
        alice.post("/settings/security/phone/new", **form)
        placed = line.placed()
        assert "482915" not in str(placed)
        action = action_of(line.request(placed["Url"]).text)
        assert action
        voicemail = line.request(action, Digits="")
        assert [part.words for part in said(voicemail.text)] == ["Goodbye."]
        parts = urlsplit(placed["Url"])
        forged = line.product.run(line._post(parts.path, {"Digits": "4"}, "bm9uZQ=="))
        assert forged.status_code == 403
        reported = line.request(action, Digits="9")
        assert "This code no longer works." in reported.text
        assert alice.post("/settings/security/phone/confirm", code="482915").status_code == 422
