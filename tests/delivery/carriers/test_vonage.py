"""Vonage: its error table, its signed header, and the addresses that prove themselves."""

from __future__ import annotations

import base64
import hmac
import json
from functools import cache
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.fake_provider import CALL, NOW, TEXT, answer, send_to
from twostep.core.messages.channel import Channel
from twostep.core.methods.out_of_band import SendState
from twostep.delivery.carriers.vonage import Vonage, VonageAccount, text_form
from twostep.delivery.carriers.vonage_callback import VonageCallbacks
from twostep.delivery.port import (
    Accepted,
    Ambiguous,
    CallbackRequest,
    Failure,
    Forged,
    KeyReport,
    Misconfigured,
    OptReport,
    Permanent,
    StatusReport,
    Temporary,
    Throttled,
)
from twostep.delivery.signed_path import SignedPaths
from twostep.delivery.spoken import Step


PATHS = SignedPaths("https://panel.example.org", "/telephony/vonage", "hush")
CALLBACKS = VonageCallbacks(PATHS)
FORM = "application/x-www-form-urlencoded"


@cache
def application_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem() -> str:
    return (
        application_key()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def account(url: str = "", **more: object) -> VonageAccount:
    given = {
        "api_key": "key",
        "api_secret": "hush",
        "text_from": "Panel",
        "call_from": "+12025550199",
        "application_id": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
        "private_key": pem(),
        "paths": PATHS,
        "text_api": url,
        "call_api": url,
    }
    return VonageAccount(**(given | more))


def vonage(url: str, client: httpx2.AsyncClient) -> Vonage:
    return Vonage(account(url), client)


def reply(status: str, **more: str) -> bytes:
    return answer(200, {"message-count": "1", "messages": [{"status": status, **more}]})


def ask(url: str, body: object = b"", kind: str = FORM, **headers: str) -> object:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    path = url.removeprefix("https://panel.example.org")
    request = CallbackRequest(path, {"content-type": kind, **headers}, raw, NOW)
    return CALLBACKS.read(request)


def test_a_text_is_handed_over() -> None:
    outcome, taken = send_to(vonage, TEXT, reply("0", **{"message-id": "0C1"}))
    assert outcome == Accepted("0C1")
    assert taken[0].line == "POST /sms/json HTTP/1.1"
    form = {name: value for name, (value,) in parse_qs(taken[0].body.decode()).items()}
    assert form == {
        "api_key": "key",
        "api_secret": "hush",
        "from": "Panel",
        "to": "12025550100",
        "text": TEXT.text,
        "ttl": "540000",
        "client-ref": "out-1",
        "callback": PATHS.url("status", "out-1"),
    }


def test_text_beyond_gsm_is_marked_and_a_stale_one_has_the_shortest_life() -> None:
    arabic = type(TEXT)("i", TEXT.to, "رمز 482915", "482915", "ar", NOW + 1)
    form = text_form(arabic, account(paths=None), now=NOW)
    assert (form["type"], form["ttl"], "callback" in form) == ("unicode", "20000", False)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("1", Throttled(5)),
        ("5", Temporary("status 5")),
        ("6", Permanent(Failure.UNUSABLE)),
        ("7", Permanent(Failure.REFUSED)),
        ("10", Throttled(5)),
        ("29", Permanent(Failure.REGION_BLOCKED)),
        ("33", Permanent(Failure.UNUSABLE)),
    ],
)
def test_the_error_table(status: str, outcome: object) -> None:
    assert send_to(vonage, TEXT, reply(status, **{"error-text": "x"}))[0] == outcome


@pytest.mark.parametrize("status", ["2", "4", "8", "9", "11", "14", "15", "99"])
def test_the_rest_is_the_operators(status: str) -> None:
    outcome = send_to(vonage, TEXT, reply(status, **{"error-text": "from 12025550199"}))[0]
    assert isinstance(outcome, Misconfigured)
    assert "2025550199" not in outcome.detail


def test_a_success_that_says_nothing_is_ambiguous() -> None:
    for body in ({"messages": []}, {"messages": [{}]}, {"messages": "0"}):
        assert isinstance(send_to(vonage, TEXT, answer(200, body))[0], Ambiguous)


def test_a_call_is_given_our_address_under_a_signature_that_the_public_key_verifies() -> None:
    outcome, taken = send_to(vonage, CALL, answer(201, {"uuid": "u-1", "status": "started"}))
    assert outcome == Accepted("u-1")
    body = json.loads(taken[0].body)
    assert "482915" not in str(taken[0])
    assert body["answer_url"] == [PATHS.url("call", "out-2")]
    assert (body["ringing_timer"], body["length_timer"]) == (30, 120)
    signed, _, signature = taken[0].headers["authorization"].removeprefix("Bearer ").rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    application_key().public_key().verify(raw, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    claims = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + 300)


def test_no_call_without_callbacks_and_a_key_that_is_none_is_the_operators() -> None:
    assert Vonage(account(paths=None), httpx2.AsyncClient()).channels == {Channel.SMS}
    assert Vonage(account(text_from=None), httpx2.AsyncClient()).channels == {Channel.CALL}

    def broken(url: str, client: httpx2.AsyncClient) -> Vonage:
        return Vonage(account(url, private_key="nonsense"), client)

    outcome, taken = send_to(broken, CALL, answer(201, {"uuid": "u"}))
    assert isinstance(outcome, Misconfigured)
    assert taken == []


@pytest.mark.parametrize(
    ("news", "report"),
    [
        ("status=delivered", StatusReport("out-1", SendState.DELIVERED)),
        ("status=accepted", StatusReport("out-1", SendState.ACCEPTED)),
        ("status=buffered", StatusReport("out-1", SendState.ACCEPTED)),
        ("status=expired", StatusReport("out-1", SendState.FAILED, Failure.EXPIRED)),
        ("status=failed&err-code=2", StatusReport("out-1", SendState.FAILED, Failure.UNREACHABLE)),
        ("status=failed&err-code=4", StatusReport("out-1", SendState.FAILED, Failure.OPTED_OUT)),
        ("status=failed&err-code=6", StatusReport("out-1", SendState.FAILED, Failure.FILTERED)),
        ("status=rejected&err-code=99", StatusReport("out-1", SendState.FAILED, Failure.REFUSED)),
        ("status=busy", StatusReport("out-1", SendState.FAILED, Failure.BUSY)),
        ("status=timeout", StatusReport("out-1", SendState.FAILED, Failure.UNREACHABLE)),
        ("status=unknown", None),
        ("", None),
    ],
)
def test_reports_come_in_the_query_the_form_or_as_json(news: str, report: object) -> None:
    url = PATHS.url("status", "out-1")
    assert ask(f"{url}&{news}") == report
    assert ask(url, news.encode()) == report
    fields = {name: value for name, (value,) in parse_qs(news).items()}
    assert ask(url, fields, "application/json") == report


def test_a_called_person_presses_a_key() -> None:
    first = PATHS.url("call", "out-2")
    assert ask(first, {"uuid": "u"}, "application/json") == KeyReport("out-2", Step.INTRODUCE, None)
    later = PATHS.url("call", "out-2", Step.INTRODUCE)
    for dtmf, pressed in (({"digits": "4", "timed_out": False}, "4"), ("4", "4"), ({}, "")):
        body = {"uuid": "u", "dtmf": dtmf}
        report = KeyReport("out-2", Step.INTRODUCE, pressed)
        assert ask(later, body, "application/json") == report


def test_stop_and_start() -> None:
    url = PATHS.url("inbound", "all")
    stop = {"msisdn": "12025550100", "text": " stop "}
    assert ask(url, stop, "application/json") == OptReport("+12025550100", out=True)
    assert ask(url, {**stop, "text": "START"}, "application/json") == OptReport(
        "+12025550100", out=False
    )
    assert ask(url, {**stop, "text": "hello"}, "application/json") is None


def test_an_address_that_is_not_ours_is_forged() -> None:
    good = PATHS.url("status", "out-1")
    signature = good.partition("sig=")[2]
    other = SignedPaths("https://panel.example.org", "/telephony/vonage", "other")
    for url in (
        good.replace("out-1", "out-2"),
        good.replace("/status/", "/call/"),
        good.partition("?")[0],
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good + "x",
        other.url("status", "out-1"),
        f"https://panel.example.org/telephony/vonage/call/out-1/read?sig={signature}",
        PATHS.url("nonsense", "out-1"),
    ):
        assert isinstance(ask(f"{url}&status=delivered"), Forged), url


def bearer(secret: str, body: bytes, *, iat: int = NOW, alg: str = "HS256") -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"iat": iat, "api_key": "key", "payload_hash": sha256(body).hexdigest()}
    signed = f"{part({'alg': alg, 'typ': 'JWT'})}.{part(claims)}"
    mac = hmac.new(secret.encode(), signed.encode(), sha256).digest()
    return f"Bearer {signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


@pytest.mark.parametrize(
    ("authorization", "genuine"),
    [
        (bearer("s3cret", b'{"uuid":"u"}'), True),
        (bearer("s3cret", b'{"uuid":"u"}', iat=NOW - 300), True),
        (bearer("s3cret", b'{"uuid":"u"}', iat=NOW - 301), False),
        (bearer("s3cret", b'{"uuid":"other"}'), False),
        (bearer("other", b'{"uuid":"u"}'), False),
        (bearer("s3cret", b'{"uuid":"u"}', alg="none"), False),
        ("Bearer x.y.z", False),
        ("Bearer é.é.é", False),
        ("", False),
    ],
)
def test_with_a_signature_secret_calls_must_be_signed_by_vonage_too(
    authorization: str,
    genuine: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    callbacks = VonageCallbacks(PATHS, "s3cret")
    path = urlsplit(PATHS.url("call", "out-2"))
    headers = {"content-type": "application/json", "authorization": authorization}
    request = CallbackRequest(f"{path.path}?{path.query}", headers, b'{"uuid":"u"}', NOW)
    assert isinstance(callbacks.read(request), KeyReport) is genuine


def test_a_step_is_one_talk_and_an_input_whose_address_is_signed() -> None:
    reply = CALLBACKS.render(CALL.script, Step.INTRODUCE, message_id="out-2")
    talk, wait = json.loads(reply.body)
    assert talk["bargeIn"]
    assert "482915" not in reply.body
    assert "four" in talk["text"]
    assert wait["eventUrl"] == [PATHS.url("call", "out-2", Step.INTRODUCE)]
    (last,) = json.loads(CALLBACKS.render(CALL.script, Step.READ_3, message_id="out-2").body)
    assert last["text"].count("<break") >= 15
    assert not last["bargeIn"]
