"""A code through a real gateway to a phone that others wrote, typed, and the dashboard opens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.support.kannel import PASSWORD, Gateway, open_gateway, text_of
from tests.support.product import TestProduct, method_ids, open_test_product
from twostep.core.messages.channel import Channel
from twostep.delivery.carriers.kannel import Kannel, KannelGateway
from twostep.delivery.console import Console, Inbox
from twostep.delivery.message import Message
from twostep.delivery.port import SendOutcome


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    folder = tmp_path / "kannel"
    folder.mkdir()
    with open_gateway(folder) as running:
        yield running


@dataclass(frozen=True)
class OneClientEach:
    """Kannel's channel, with a client that is made on the product's own loop."""

    gateway: Gateway
    name: str = "kannel"
    kinds: frozenset[Channel] = frozenset({Channel.SMS})

    async def send(self, message: Message, *, now: int) -> SendOutcome:
        settings = KannelGateway(self.gateway.url, "panel", PASSWORD, "EXAMPLE")
        async with httpx2.AsyncClient() as client:
            return await Kannel(settings, client).send(message, now=now)


def newest_code(product: TestProduct, gateway: Gateway, count: int) -> str:
    product.deliver()
    lines = text_of(gateway.wait_for(count)[-1]).splitlines()
    code = re.match(r"\d{6}", lines[0])
    assert code
    gateway.wait_for_text(text_of(gateway.messages()[-1]))
    return code[0]


def test_enrol_and_sign_in_with_codes_read_off_the_phone(tmp_path: Path, gateway: Gateway) -> None:
    channels = {
        Channel.SMS: [OneClientEach(gateway)],
        Channel.CALL: [],
        Channel.EMAIL: [Console(Inbox())],
    }
    with open_test_product(tmp_path, channels=channels) as product:
        product.add_account()
        alice = product.browser()
        alice.sign_in()
        alice.enroll_app()
        form = {"country": "US", "number": "(202) 555-0100", "channel": "sms"}
        assert alice.post("/settings/security/phone/new", **form).status_code == 303
        code = newest_code(product, gateway, 1)
        confirmed = alice.post("/settings/security/phone/confirm", code=code)
        assert confirmed.headers["location"] == "/settings/security"
        (phone,) = method_ids(alice.get("/settings/security"), "phone")
        product.clock.forward(4000)
        other = product.browser(network="198.51.100.20")
        assert other.sign_in().headers["location"] == "/sign-in/code"
        assert other.post("/sign-in/send", method=phone, channel="sms").status_code == 303
        code = newest_code(product, gateway, 2)
        assert re.search(r'data-delivery-state="accepted"', other.get("/sign-in/code").text)
        signed_in = other.post("/sign-in/code", code=code)
        assert signed_in.headers["location"] == "/"
        assert other.get("/").status_code == 200
        shown = [text_of(message) for message in gateway.messages()]
        assert len(shown) == 2
        assert all(text.endswith(f"@panel.example.com #{text[:6]}") for text in shown)
