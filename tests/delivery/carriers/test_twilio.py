"""The adapter against a real server on loopback that answers, hangs and breaks as Twilio might."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

import httpx2
import pytest

from tests.support.waiting import PATIENCE_SECONDS
from twostep.core.messages.channel import Channel
from twostep.core.methods.out_of_band import Purpose
from twostep.delivery import wire
from twostep.delivery.carriers.twilio import Twilio, TwilioAccount, call_form, text_form
from twostep.delivery.message import CallMessage, MailMessage, TextMessage
from twostep.delivery.port import (
    Accepted,
    Ambiguous,
    Failure,
    Misconfigured,
    Permanent,
    Temporary,
    Throttled,
    send_in_time,
)
from twostep.delivery.spoken import new_script


NOW = 1_800_000_000
SID = "AC" + "0" * 32
TEXT = TextMessage(
    id="out-1",
    to="+12025550100",
    text="482915 is …",
    code="482915",
    language="en",
    expires_at=NOW + 540,
)
CALL = CallMessage(
    id="out-2",
    to="+12025550100",
    script=new_script(code="482915", key="4", panel="P", purpose=Purpose.SIGN_IN, language="en"),
    expires_at=NOW + 540,
)
MAIL = MailMessage(
    id="out-3", to="a@example.com", subject="s", text="t", html="h", language="en", made_at=NOW
)


def account(api="http://127.0.0.1:9", **more):
    settings = {
        "account_sid": SID,
        "user": "SK1",
        "secret": "a secret",
        "text_from": "+12025550199",
        "call_from": "+12025550199",
        "callback_base": "https://panel.example.org/telephony/twilio",
        "api": api,
    }
    return TwilioAccount(**(settings | more))


def answer(status, body, **headers):
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (
        f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(raw)}\r\n{head}"
        "Connection: close\r\n\r\n"
    ).encode() + raw


@asynccontextmanager
async def server(reply):
    """Serve on loopback; `reply(writer)` writes what it likes once the request was read."""
    requests = []

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        requests.append((head.decode(), (await reader.readexactly(length)).decode()))
        try:
            await reply(writer)
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", requests
    finally:
        listening.close()


def send(message, reply, *, seconds=15.0, **more):
    async def run():
        async with server(reply) as (url, requests), httpx2.AsyncClient() as client:
            channel = Twilio(account(url, **more), client)
            return await send_in_time(channel, message, now=NOW, seconds=seconds), requests

    return asyncio.run(run())


def replying(raw):
    async def reply(writer):
        writer.write(raw)
        await writer.drain()

    return reply


GOOD = replying(answer(201, {"sid": "SM1", "status": "queued"}))


def test_a_text_is_handed_over_with_what_is_left_of_the_codes_life():
    outcome, requests = send(TEXT, GOOD)
    assert outcome == Accepted("SM1")
    (head, body), *rest = requests
    assert not rest
    assert head.startswith(f"POST /2010-04-01/Accounts/{SID}/Messages.json HTTP/1.1")
    expected = base64.b64encode(b"SK1:a secret").decode()
    assert f"authorization: basic {expected}".lower() in head.lower()
    assert parse_qs(body) == {
        "To": ["+12025550100"],
        "From": ["+12025550199"],
        "Body": ["482915 is …"],
        "ValidityPeriod": ["540"],
        "StatusCallback": ["https://panel.example.org/telephony/twilio/status/out-1"],
    }


def test_a_call_is_given_our_address_and_never_the_code():
    outcome, requests = send(CALL, replying(answer(201, {"sid": "CA1"})))
    assert outcome == Accepted("CA1")
    head, body = requests[0]
    assert "482915" not in head + body
    form = parse_qs(body)
    assert form["Url"] == ["https://panel.example.org/telephony/twilio/call/out-2"]
    assert (form["Timeout"], form["TimeLimit"]) == (["30"], ["120"])


def test_a_messaging_service_and_a_panel_without_callbacks():
    form = text_form(TEXT, account(text_from="MG" + "0" * 32, callback_base=None), now=NOW + 10_000)
    assert form["MessagingServiceSid"] == "MG" + "0" * 32
    assert form["ValidityPeriod"] == "1"
    assert {"From", "StatusCallback"}.isdisjoint(form)


@pytest.mark.parametrize(
    ("more", "kinds"),
    [
        ({}, {Channel.SMS, Channel.CALL}),
        ({"callback_base": None}, {Channel.SMS}),
        ({"call_from": None}, {Channel.SMS}),
        ({"text_from": None}, {Channel.CALL}),
    ],
)
def test_what_an_account_can_carry(more, kinds):
    assert Twilio(account(**more), httpx2.AsyncClient()).channels == kinds


def test_no_call_without_a_callback_and_no_mail():
    for message, more in ((CALL, {"callback_base": None}), (MAIL, {}), (TEXT, {"text_from": None})):
        outcome, requests = send(message, GOOD, **more)
        assert isinstance(outcome, Misconfigured)
        assert requests == []


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (answer(400, {"code": 21211, "message": "To"}), Permanent(Failure.UNUSABLE)),
        (answer(400, {"code": 21408}), Permanent(Failure.REGION_BLOCKED)),
        (answer(400, {"code": 21610}), Permanent(Failure.OPTED_OUT)),
        (answer(400, {"code": 21614}), Permanent(Failure.LANDLINE)),
        (answer(400, {"code": 21612}), Permanent(Failure.UNREACHABLE)),
        (answer(400, {"code": 30003}), Permanent(Failure.UNREACHABLE)),
        (answer(400, {"code": 30005}), Permanent(Failure.UNUSABLE)),
        (answer(400, {"code": 30006}), Permanent(Failure.LANDLINE)),
        (answer(400, {"code": 30007}), Permanent(Failure.FILTERED)),
        (answer(429, {"code": 20429}, Retry_After="7"), Throttled(7)),
        (answer(429, b"slow down"), Throttled(5)),
        (answer(429, b"", Retry_After="99999999"), Throttled(3600)),
        (answer(429, b"", Retry_After="Tue, 24 Nov"), Throttled(5)),
        (answer(400, {"code": 20429}), Throttled(5)),
        (answer(500, b"<html>"), Temporary("HTTP 500")),
        (answer(503, {"code": 20503}), Temporary("HTTP 503")),
        (answer(408, b""), Temporary("HTTP 408")),
    ],
)
def test_the_error_table(raw, outcome):
    assert send(TEXT, replying(raw))[0] == outcome


@pytest.mark.parametrize(
    "raw",
    [
        answer(401, {"code": 20003, "message": "Authenticate"}),
        answer(404, b"<html>not here</html>"),
        answer(400, {"code": 21606, "message": "From +12025550199 is not yours"}),
        answer(400, {"code": "21211"}),
        answer(402, {"code": 20005}),
    ],
)
def test_what_the_operator_must_mend_says_so_without_a_number(raw):
    outcome = send(TEXT, replying(raw))[0]
    assert isinstance(outcome, Misconfigured)
    assert "2025550199" not in outcome.detail


@pytest.mark.parametrize(
    "raw",
    [
        answer(201, b"<html>welcome</html>"),
        answer(201, b"[]"),
        answer(201, {"sid": ""}),
        answer(201, b"\xff\xfe"),
        answer(200, b"x" * 100_000),
        answer(504, b"gateway"),
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Length: 50\r\n\r\n{",
    ],
)
def test_what_may_have_been_sent_is_ambiguous(raw):
    assert isinstance(send(TEXT, replying(raw))[0], Ambiguous)


def test_a_redirect_is_not_followed():
    async def run():
        async with server(GOOD) as (elsewhere, stolen):
            moved = replying(answer(307, b"", Location=f"{elsewhere}/take-it"))
            async with (
                server(moved) as (url, _),
                httpx2.AsyncClient(follow_redirects=True) as client,
            ):
                outcome = await Twilio(account(url), client).send(TEXT, now=NOW)
        return outcome, stolen

    outcome, stolen = asyncio.run(run())
    assert isinstance(outcome, Misconfigured)
    assert stolen == []


def test_a_provider_that_never_answers_is_ambiguous():
    async def hang(writer):
        await writer.drain()
        await asyncio.Event().wait()

    assert isinstance(send(TEXT, hang, seconds=0.3)[0], Ambiguous)


def test_a_read_that_times_out_is_ambiguous(monkeypatch):
    monkeypatch.setattr(wire, "TIMEOUT", httpx2.Timeout(PATIENCE_SECONDS, read=0.2))

    async def half(writer):
        writer.write(b"HTTP/1.1 201 Created\r\n")
        await writer.drain()
        await asyncio.Event().wait()

    assert send(TEXT, half)[0] == Ambiguous("no answer: ReadTimeout")


def test_a_half_closed_line_is_ambiguous():
    async def half_close(writer):
        writer.write_eof()

    assert isinstance(send(TEXT, half_close)[0], Ambiguous)


def test_a_closed_port_is_temporary():
    async def run():
        async with server(GOOD) as (url, _):
            pass
        async with httpx2.AsyncClient() as client:
            return await Twilio(account(url), client).send(TEXT, now=NOW)

    assert asyncio.run(run()) == Temporary("no connection: ConnectError")


def test_nothing_secret_shows_in_repr():
    shown = repr((TEXT, CALL, account()))
    for secret in ("482915", "2025550100", "a secret"):
        assert secret not in shown


def test_parameter_names_are_those_of_the_official_description():
    folder = os.environ.get("TWOSTEP_SPECS")
    if folder is None:
        pytest.skip("TWOSTEP_SPECS does not say where Twilio's API description is")
    spec = json.loads((Path(folder) / "twilio_api_v2010.json").read_text())
    for resource, form in (
        ("Messages", text_form(TEXT, account(), now=NOW)),
        ("Messages", text_form(TEXT, account(text_from="MG" + "0" * 32), now=NOW)),
        ("Calls", call_form(CALL, account())),
    ):
        path = f"/2010-04-01/Accounts/{{AccountSid}}/{resource}.json"
        content = spec["paths"][path]["post"]["requestBody"]["content"]
        schema = content["application/x-www-form-urlencoded"]["schema"]
        assert set(form) <= set(schema["properties"])
        assert set(schema.get("required", [])) <= set(form)
