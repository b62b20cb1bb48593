"""Requests of providers as they come in at the door: genuine, forged, late, twice, and far too big."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2
import pytest
from twilio.request_validator import RequestValidator

from tests.support.product import Browser, TestProduct, method_ids, open_test_product, words
from twostep.delivery.carriers.kannel import KannelCallbacks
from twostep.delivery.carriers.twilio_callback import TwilioCallbacks
from twostep.delivery.carriers.webhook import sign
from twostep.delivery.carriers.webhook_callback import WebhookCallbacks
from twostep.delivery.signed_path import SignedPaths
from twostep.main import build_app
from twostep.store.messages import outbox


TOKEN = "twilios auth token"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ORIGIN = "https://panel.example.com"
PATHS = SignedPaths(ORIGIN, "/telephony/kannel", "hush")


@dataclass
class Door:
    """The product, somebody who waits for a texted code, and the message's id."""

    product: TestProduct
    alice: Browser
    message: str

    def ask(
        self, method: str, path: str, *, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """A provider's request: no cookie, no origin."""

        async def send() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.product.app, client=("203.0.113.5", 4000))
            async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
                return await client.request(method, path, content=body, headers=headers)

        return self.product.run(send())

    def webhook(self, what: str, news: object, *, age: int = 0, secret: str = SECRET) -> int:
        """Post as a webhook receiver; the status."""
        body = json.dumps(news).encode()
        at = self.product.clock.now - age
        headers = sign(body, message_id="evt", secret=secret, at=at)
        path = f"/telephony/webhook/{what}"
        return self.ask("POST", path, body=body, headers=headers).status_code

    def report(self, state: str, **more: str) -> int:
        return self.webhook(f"status/{self.message}", {"state": state, **more})

    def shown(self) -> str:
        """The state that the page shows."""
        status = self.alice.get("/sign-in/status").json()
        return str(status["state"])

    def send(self) -> httpx2.Response:
        """Ask for a text once more."""
        phone = method_ids(self.alice.get("/sign-in/code"), "phone")[0]
        return self.alice.post("/sign-in/send", method=phone, channel="sms")


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    gateway = {
        "kannel__url": "http://127.0.0.1:9", "kannel__user": "panel", "kannel__password": "hush",
        "kannel__from": "+12025550199", "delivery__sms": ["kannel", "console"],
    }  # fmt: skip
    with open_test_product(tmp_path, **gateway) as opened:
        callbacks = {
            "kannel": KannelCallbacks(PATHS),
            "twilio": TwilioCallbacks(ORIGIN, "/telephony/twilio", TOKEN),
            "webhook": WebhookCallbacks("/telephony/webhook", SECRET),
        }
        env = replace(opened.env, callbacks=callbacks)
        house = replace(opened.house, env=env)
        product = TestProduct(house, build_app(env), opened.runner)
        product.add_account()
        owner = product.browser()
        owner.sign_in()
        owner.enroll_app()
        owner.add_phone()
        product.clock.forward(4000)
        alice = product.browser()
        alice.sign_in()
        it = Door(product, alice, "")
        assert it.send().status_code == 303
        product.deliver()
        row = env.store.read_now(outbox.load_newest_of_kind, _alice(product), kind="code.sign_in")
        assert row is not None
        it.message = row.id
        assert it.shown() == "accepted"
        yield it


def _alice(product: TestProduct) -> str:
    row = product.env.store.read_now(
        lambda tx: tx.first("SELECT id FROM accounts WHERE name = 'alice'")
    )
    return str(row[0])


def test_reports_come_twice_and_in_any_order_and_never_lead_back(door: Door) -> None:
    for state, shown in (
        ("accepted", "accepted"),
        ("delivered", "delivered"),
        ("delivered", "delivered"),
        ("accepted", "delivered"),
        ("failed", "delivered"),
        ("nonsense", "delivered"),
    ):
        assert door.report(state) == 204
        assert door.shown() == shown


def test_a_failure_names_the_next_best_way_and_starts_no_wait(door: Door) -> None:
    assert door.report("failed", reason="unreachable") == 204
    page = words(door.alice.get("/sign-in/code"))
    assert "Not delivered: the phone is switched off or has no signal." in page
    assert "Call me" in page
    assert door.send().status_code == 303


def test_what_is_not_signed_is_forged_and_changes_nothing(door: Door) -> None:
    body = b'{"state": "delivered"}'
    path = f"/telephony/webhook/status/{door.message}"
    assert door.ask("POST", path, body=body).status_code == 403
    assert door.webhook(f"status/{door.message}", {"state": "delivered"}, age=301) == 403
    assert door.webhook(f"status/{door.message}", {"state": "delivered"}, age=-301) == 403
    other = "whsec_" + "A" * 32
    assert door.webhook(f"status/{door.message}", {"state": "delivered"}, secret=other) == 403
    signed = sign(body, message_id="evt", secret=SECRET, at=door.product.clock.now)
    changed = body.replace(b"delivered", b"failed")
    assert door.ask("POST", path, body=changed, headers=signed).status_code == 403
    status = f"/telephony/twilio/status/{door.message}"
    form = {"MessageStatus": "delivered"}
    elsewhere = RequestValidator(TOKEN).compute_signature(f"https://evil.example{status}", form)
    headers = {
        "x-twilio-signature": elsewhere,
        "content-type": "application/x-www-form-urlencoded",
        "host": "panel.example.com",
        "x-forwarded-host": "evil.example",
    }
    answer = door.ask("POST", status, body=b"MessageStatus=delivered", headers=headers)
    assert answer.status_code == 403
    assert door.shown() == "accepted"


def test_unknown_messages_and_providers(door: Door) -> None:
    assert door.webhook("status/nobodys", {"state": "delivered"}) == 204
    assert door.webhook(f"elsewhere/{door.message}", {}) == 403
    assert door.ask("POST", "/telephony/smoke/status/x", body=b"{}").status_code == 404
    assert door.ask("POST", "/telephony/vonage/status/x", body=b"{}").status_code == 404


def test_a_body_that_is_too_big_is_not_read(door: Door) -> None:
    big = {"state": "delivered", "padding": "x" * 70_000}
    assert door.webhook(f"status/{door.message}", big) == 413
    assert door.shown() == "accepted"


def test_only_reports_come_by_get_and_only_from_those_who_cannot_post(door: Door) -> None:
    path = PATHS.url("status", door.message).removeprefix(ORIGIN)
    assert door.ask("GET", f"{path}&kind=1").status_code == 204
    assert door.shown() == "delivered"
    assert door.ask("GET", f"{path}x&kind=2").status_code == 403
    inbound = PATHS.url("inbound", "replies").removeprefix(ORIGIN)
    for other in (
        inbound,
        f"/telephony/twilio/status/{door.message}",
        "/telephony/webhook/inbound",
    ):
        assert door.ask("GET", other).status_code == 405


def test_who_texts_stop_is_sent_no_more_texts_until_they_text_start(door: Door) -> None:
    inbound = PATHS.url("inbound", "replies").removeprefix(ORIGIN)
    number = {"x-kannel-from": "+12025550100"}
    assert door.ask("POST", inbound, body=b"Stop", headers=number).status_code == 204
    door.product.clock.forward(31)
    refused = door.send()
    assert refused.status_code == 422
    assert "Text START to \u2066+12025550199\u2069, or choose Phone call." in words(refused)
    assert door.ask("POST", inbound, body=b"START", headers=number).status_code == 204
    assert door.send().status_code == 303


def test_a_signed_request_counts_once_and_for_the_address_it_was_sent_to(door: Door) -> None:
    """Whoever has seen one can neither send it again nor to somebody else's message."""
    seen = {"state": "failed", "reason": "unreachable"}
    assert door.webhook("status/another-message", seen) == 204
    assert door.report("failed", reason="unreachable") == 204  # the same bytes, another address
    assert door.shown() != "failed"
    stop, start = ({"from": "+12025550100", "text": word} for word in ("STOP", "START"))
    assert door.webhook("inbound", start) == 204
    assert door.webhook("inbound", stop) == 204
    assert door.webhook("inbound", start) == 204  # sent again by somebody else
    door.product.clock.forward(31)
    assert door.send().status_code == 422
    assert door.webhook("inbound", start) == 204  # signed anew
    assert door.send().status_code == 303


def test_a_minute_without_news_brings_another_way_to_mind(door: Door) -> None:
    door.product.clock.forward(59)
    assert "Try a call" not in door.alice.get("/sign-in/status").json()["sentence"]
    door.product.clock.forward(1)
    sentence = door.alice.get("/sign-in/status").json()["sentence"]
    assert sentence.endswith("Nothing there yet? Try a call, or another way.")
    assert sentence in words(door.alice.get("/sign-in/code"))
    door.report("delivered")
    assert "Try a call" not in door.alice.get("/sign-in/status").json()["sentence"]


def test_a_number_that_turns_out_to_be_a_landline_is_called_from_then_on(door: Door) -> None:
    assert door.report("failed", reason="landline") == 204
    page = door.alice.get("/sign-in/code")
    assert "Not delivered: the number cannot receive texts." in words(page)
    assert "Send text" not in words(page)
    assert door.send().status_code == 422
    phone = method_ids(page, "phone")[0]
    asked = door.alice.post("/sign-in/send", method=phone, channel="call")
    assert asked.status_code == 303


def test_a_call_that_nobody_takes_is_told_at_once(door: Door) -> None:
    door.product.clock.forward(31)
    phone = method_ids(door.alice.get("/sign-in/code"), "phone")[0]
    assert door.alice.post("/sign-in/send", method=phone, channel="call").status_code == 303
    door.product.deliver()
    row = door.product.env.store.read_now(
        outbox.load_newest_of_kind, _alice(door.product), kind="code.sign_in"
    )
    assert row is not None
    status = f"/telephony/twilio/status/{row.id}"
    form = {"CallStatus": "no-answer"}
    signature = RequestValidator(TOKEN).compute_signature(f"{ORIGIN}{status}", form)
    headers = {
        "x-twilio-signature": signature, "content-type": "application/x-www-form-urlencoded",
    }  # fmt: skip
    answer = door.ask("POST", status, body=b"CallStatus=no-answer", headers=headers)
    assert answer.status_code == 204
    assert "Nobody answered." in words(door.alice.get("/sign-in/code"))
