"""The webhook: what it sends, whose signature it believes, and a whole call step by step."""

from __future__ import annotations

import base64
import hmac
import json
from hashlib import sha256

import httpx2
import pytest

from tests.support.fake_provider import CALL, NOW, TEXT, answer, send_to
from twostep.core.messages.channel import Channel
from twostep.core.methods.out_of_band import SendState
from twostep.delivery.carriers.webhook import Webhook, WebhookReceiver, sign
from twostep.delivery.carriers.webhook_callback import WebhookCallbacks
from twostep.delivery.port import (
    Accepted,
    CallbackRequest,
    Failure,
    Forged,
    KeyReport,
    OptReport,
    Permanent,
    StatusReport,
)
from twostep.delivery.spoken import Step


# The key and the vector of the Standard Webhooks specification's own example.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BASE = "https://panel.example.org/telephony/webhook"
CALLBACKS = WebhookCallbacks("/telephony/webhook", SECRET)
BOTH = frozenset({Channel.SMS, Channel.CALL})


def webhook(url: str, client: httpx2.AsyncClient) -> Webhook:
    receiver = WebhookReceiver(f"{url}/send", SECRET, BOTH, "token", BASE)
    return Webhook(receiver, client)


def ask(path: str, body: object, *, at: int = NOW, secret: str = SECRET, **more: str) -> object:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = sign(raw, message_id="evt-1", secret=secret, at=at)
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    return CALLBACKS.read(CallbackRequest(f"/telephony/webhook/{path}", headers, raw, NOW))


def test_the_signature_is_the_specifications_own_example() -> None:
    body = b'{"test": 2432232314}'
    headers = sign(body, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", secret=SECRET, at=1614265330)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_text_is_signed_and_names_its_idempotency_key() -> None:
    outcome, taken = send_to(webhook, TEXT, answer(202, {"id": "theirs"}))
    assert outcome == Accepted("theirs")
    headers, body = taken[0].headers, taken[0].body
    assert headers["webhook-id"] == "out-1"
    assert headers["authorization"] == "Bearer token"
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    mac = hmac.new(key, f"out-1.{headers['webhook-timestamp']}.".encode() + body, sha256)
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac.digest()).decode()}"
    assert json.loads(body) == {
        "id": "out-1",
        "channel": "sms",
        "to": TEXT.to,
        "text": TEXT.text,
        "code": TEXT.code,
        "language": "en",
        "expires_at": NOW + 540,
        "status_url": f"{BASE}/status/out-1",
    }


def test_a_calls_request_holds_no_code() -> None:
    outcome, taken = send_to(webhook, CALL, answer(200, b""))
    assert outcome == Accepted("out-2")
    assert b"482915" not in taken[0].body
    assert json.loads(taken[0].body)["steps_url"] == f"{BASE}/call/out-2"


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (answer(409, b""), Accepted("out-1")),
        (answer(422, {"reason": "opted_out"}), Permanent(Failure.OPTED_OUT)),
        (answer(422, {"reason": "nonsense"}), Permanent(Failure.REFUSED)),
        (answer(422, b"<html>"), Permanent(Failure.REFUSED)),
    ],
)
def test_its_own_answers(raw: bytes, outcome: object) -> None:
    assert send_to(webhook, TEXT, raw)[0] == outcome


def test_without_a_way_back_there_are_no_calls() -> None:
    receiver = WebhookReceiver("https://sms.example.org", SECRET, BOTH)
    assert Webhook(receiver, httpx2.AsyncClient()).channels == {Channel.SMS}


@pytest.mark.parametrize(
    ("path", "body", "report"),
    [
        ("status/m", {"state": "delivered"}, StatusReport("m", SendState.DELIVERED)),
        ("status/m", {"state": "accepted"}, StatusReport("m", SendState.ACCEPTED)),
        (
            "status/m",
            {"state": "failed", "reason": "busy"},
            StatusReport("m", SendState.FAILED, Failure.BUSY),
        ),
        (
            "status/m",
            {"state": "failed", "reason": "odd"},
            StatusReport("m", SendState.FAILED, Failure.REFUSED),
        ),
        ("status/m", {"state": "queued"}, None),
        ("status/m", b"[]", None),
        ("call/m", {}, KeyReport("m", Step.INTRODUCE, None)),
        ("call/m", {"step": "introduce", "pressed": "4"}, KeyReport("m", Step.INTRODUCE, "4")),
        ("call/m", {"step": "introduce", "pressed": None}, KeyReport("m", Step.INTRODUCE, "")),
        ("call/m", {"step": "read_9"}, Forged()),
        ("call/", {}, Forged()),
        ("else/m", {}, Forged()),
        ("inbound", {"from": "+12025550100", "text": "stop"}, OptReport("+12025550100", out=True)),
        ("inbound", {"from": "x", "text": "stop"}, None),
    ],
)
def test_what_genuine_requests_say(path: str, body: object, report: object) -> None:
    assert ask(path, body) == report


def test_forged_old_and_future_requests() -> None:
    body = {"state": "delivered"}
    good = StatusReport("m", SendState.DELIVERED)
    assert ask("status/m", body, at=NOW - 300) == good
    other = "whsec_" + base64.b64encode(b"another secret of 24 bytes").decode()
    for forged in (
        ask("status/m", body, at=NOW - 301),
        ask("status/m", body, at=NOW + 301),
        ask("status/m", body, secret=other),
        ask("status/m", body, webhook_id="evt-2"),
        ask("status/m", body, webhook_timestamp="soon"),
        ask("status/m", body, webhook_signature=""),
        ask("status/m", body, webhook_signature="v1,é"),
    ):
        assert forged == Forged()
    raw = json.dumps(body).encode()
    genuine = sign(raw, message_id="evt-1", secret=SECRET, at=NOW)["webhook-signature"]
    assert ask("status/m", body, webhook_signature=f"v1a,xx v1,yy {genuine}") == good


def test_a_call_from_the_first_question_to_the_last_digit() -> None:
    script = CALL.script
    spoken, step, pressed = "", Step.INTRODUCE, None
    for key in ("4", "1", "1"):
        said = json.loads(CALLBACKS.render(script, step, message_id="m").body)
        assert said["wait_for_key"]
        spoken += " ".join(part.get("words", "") for part in said["say"])
        report = ask("call/m", {"step": said["step"], "pressed": key})
        assert isinstance(report, KeyReport)
        step, pressed = script.next_step(report.step, report.pressed or ""), report.pressed
    assert "four eight two" not in spoken.replace("press four", "")
    assert (step, pressed) == (Step.READ_3, "1")
    last = json.loads(CALLBACKS.render(script, step, message_id="m").body)
    words = [part["words"] for part in last["say"] if "words" in part]
    assert words[1:7] == ["four", "eight", "two", "nine", "one", "five"]
    assert not last["wait_for_key"]
