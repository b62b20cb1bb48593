"""A webhook receiver with a contract of its own: its body or form, its password, its way to say yes."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs

import httpx2
import pytest

from tests.support.fake_provider import NOW, TEXT, Taken, answer, send_to
from twostep.config import load
from twostep.core.messages.channel import Channel
from twostep.delivery.carriers.webhook import Webhook, WebhookReceiver
from twostep.delivery.carriers.webhook_shape import fill, point, shape_of
from twostep.delivery.port import (
    Accepted,
    Ambiguous,
    Misconfigured,
    Permanent,
    SendOutcome,
    Temporary,
    Throttled,
)


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def post(raw: bytes, **more: object) -> tuple[SendOutcome, Taken]:
    """Send a text as these settings want it; what came of it, and what was sent."""
    overrides = {
        "public_url": "https://panel.example.org",
        "webhook.url": "https://sms.example.org/send",
        "webhook.secret": SECRET,
        **{f"webhook.{name}": value for name, value in more.items()},
    }
    settings = load(None, environ={}, overrides=overrides)
    assert settings.webhook is not None
    shape = shape_of(settings.webhook)

    def make(url: str, client: httpx2.AsyncClient) -> Webhook:
        kinds = frozenset({Channel.SMS})
        return Webhook(WebhookReceiver(f"{url}/send", SECRET, kinds, shape=shape), client)

    outcome, taken = send_to(make, TEXT, raw)
    return outcome, taken[0]


def test_a_body_of_its_own_with_headers_and_a_password() -> None:
    body = {
        "recipients": [{"number": "{to_digits}"}],
        "message": {"text": "{text}", "reference": "twostep-{id}", "flash": False, "ttl": 300},
        "unknown": "{name}",
    }
    outcome, taken = post(
        answer(200, {"messages": [{"id": 77, "status": "queued"}]}),
        method="PUT", headers='{ "X-Account" = "panel" }', body=body, user="panel",
        password="hush", id_pointer="/messages/0/id", success_pointer="/messages/0/status",
        success_value="queued",
    )  # fmt: skip
    assert outcome == Accepted("77")
    assert taken.line.startswith("PUT /send ")
    assert json.loads(taken.body) == {
        "recipients": [{"number": "12025550100"}],
        "message": {"text": TEXT.text, "reference": "twostep-out-1", "flash": False, "ttl": 300},
        "unknown": "{name}",
    }
    assert taken.headers["x-account"] == "panel"
    basic = base64.b64encode(b"panel:hush").decode()
    assert taken.headers["authorization"] == f"Basic {basic}"
    assert taken.headers["webhook-id"] == "out-1"  # ours to verify, and to send once by


def test_a_form_of_its_own() -> None:
    form = {"dest": "{to}", "msg": "{text}", "until": "{expires_at}", "ref": "{status_url}"}
    outcome, taken = post(answer(202, b"OK"), form=form)
    assert outcome == Accepted("out-1")
    assert taken.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(taken.body.decode()) == {
        "dest": [TEXT.to],
        "msg": [TEXT.text],
        "until": [str(NOW + 540)],
    }


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (answer(201, {"ok": "yes"}), Accepted("out-1")),
        (answer(201, {"ok": "no, 3 left"}), Misconfigured("/ok says no, x left")),
        (answer(201, b"<html>"), Ambiguous("an answer that does not say whether it was taken")),
        (answer(200, {"ok": "yes"}), Misconfigured("HTTP 200: ")),
        (answer(420, b""), Temporary("HTTP 420")),
        (answer(429, b"", Retry_After="7"), Throttled(7)),
        (answer(422, {"reason": "landline"}), Permanent("landline")),
        (answer(503, b""), Temporary("HTTP 503")),
    ],
)
def test_its_own_way_to_say_yes(raw: bytes, outcome: SendOutcome) -> None:
    success = {"success_status": "201-202", "success_pointer": "/ok", "success_value": "yes"}
    assert post(raw, retry_statuses=[420], **success)[0] == outcome


def test_a_value_that_looks_like_a_placeholder_stays_as_it_is() -> None:
    values = {"text": "{code} is not yours", "code": "482915"}
    assert fill({"a": ["{text}", 7, None]}, values) == {"a": ["{code} is not yours", 7, None]}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", {"a/b": [{"m~n": 1}], "c": None}),
        ("/a~1b/0/m~0n", 1),
        ("/a~1b/1", None),
        ("/a~1b/x", None),
        ("/c/d", None),
    ],
)
def test_json_pointers(pointer: str, value: object) -> None:
    assert point({"a/b": [{"m~n": 1}], "c": None}, pointer) == value
