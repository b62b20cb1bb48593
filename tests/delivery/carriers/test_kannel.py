"""Kannel: our error table, and the real gateway with a phone behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from tests.support.fake_provider import NOW, TEXT, answer, fake_provider, replying, send_to
from tests.support.kannel import PASSWORD, Gateway, open_gateway, text_of
from tests.support.waiting import PATIENCE_SECONDS
from twostep.core.methods.out_of_band import Purpose, SendState
from twostep.delivery.carriers.kannel import Kannel, KannelCallbacks, KannelGateway
from twostep.delivery.message import TextMessage
from twostep.delivery.port import (
    Accepted,
    Ambiguous,
    CallbackRequest,
    Failure,
    Forged,
    Misconfigured,
    OptReport,
    Permanent,
    SendOutcome,
    StatusReport,
    Temporary,
)
from twostep.delivery.signed_path import SignedPaths
from twostep.delivery.text_message import compose, segments
from twostep.i18n import LANGUAGES


PATHS = SignedPaths("https://panel.example.org", "/telephony/kannel", PASSWORD)


def kannel(url: str, client: httpx2.AsyncClient) -> Kannel:
    return Kannel(KannelGateway(url, "panel", PASSWORD, "EXAMPLE", "FAKE", PATHS), client)


def test_neither_password_nor_text_nor_number_stands_in_the_address() -> None:
    outcome, taken = send_to(kannel, TEXT, answer(202, b"0: Accepted for delivery"))
    assert outcome == Accepted("")
    assert taken[0].line == "POST /cgi-bin/sendsms HTTP/1.1"
    headers = taken[0].headers
    assert headers["x-kannel-to"] == TEXT.to
    assert headers["x-kannel-validity"] == "9"
    assert headers["x-kannel-coding"] == "0"
    assert headers["x-kannel-dlr-url"] == f"{PATHS.url('status', 'out-1')}&kind=%d"
    assert taken[0].body.decode() == TEXT.text


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (answer(503, b"Temporal failure, try again later."), Temporary),
        (answer(202, b"3: Queued for later delivery"), Ambiguous),
        (answer(403, b"Authorization failed for sendsms"), Misconfigured),
        (answer(400, b"Number(s) has/have been denied by white- and/or black-lists."), Permanent),
        (answer(400, b"Missing receiver(s) number(s), rejected"), Permanent),
        (answer(400, b"Validity field misformed, rejected"), Misconfigured),
        (answer(200, b"welcome"), Ambiguous),
    ],
)
def test_the_error_table(raw: bytes, outcome: type) -> None:
    assert isinstance(send_to(kannel, TEXT, raw)[0], outcome)


@pytest.mark.parametrize(
    ("kind", "report"),
    [
        ("1", StatusReport("out-1", SendState.DELIVERED)),
        ("2", StatusReport("out-1", SendState.FAILED, Failure.UNREACHABLE)),
        ("8", StatusReport("out-1", SendState.ACCEPTED)),
        ("16", StatusReport("out-1", SendState.FAILED, Failure.REFUSED)),
        ("4", None),
        ("", None),
    ],
)
def test_reports_and_forgeries(kind: str, report: object) -> None:
    path = PATHS.url("status", "out-1").removeprefix("https://panel.example.org")
    callbacks = KannelCallbacks(PATHS)
    assert callbacks.read(CallbackRequest(f"{path}&kind={kind}", {})) == report
    forged = path.replace("out-1", "out-2")
    assert callbacks.read(CallbackRequest(f"{forged}&kind={kind}", {})) == Forged()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with open_gateway(tmp_path_factory.mktemp("kannel")) as running:
        yield running


def hand_over(gateway: Gateway, message: TextMessage, **more: object) -> SendOutcome:
    given = {"url": gateway.url, "username": "panel", "password": PASSWORD, "sender": "EXAMPLE"}

    async def run() -> SendOutcome:
        async with httpx2.AsyncClient() as client:
            channel = Kannel(KannelGateway(**(given | more)), client)
            return await channel.send(message, now=NOW)

    return asyncio.run(run())


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("language", [language.code for language in LANGUAGES])
def test_every_text_arrives_whole_in_one_segment(
    gateway: Gateway, language: str, purpose: Purpose
) -> None:
    text = compose(
        purpose=purpose, code="012345", panel="Example Panel", host="panel.example.com",
        language=language,
    )  # fmt: skip
    assert segments(text).count == 1
    before = len(gateway.messages())
    message = TextMessage("i", TEXT.to, text, "012345", language, NOW + 540)
    assert hand_over(gateway, message) == Accepted("")
    arrived = gateway.wait_for_text(text)[before:]
    assert [text_of(arrival) for arrival in arrived] == [text]


def test_a_text_that_is_too_long_shows_as_parts_on_that_phone(gateway: Gateway) -> None:
    before = len(gateway.messages())
    message = replace(TEXT, text="x" * 200, expires_at=NOW + 540)
    assert hand_over(gateway, message) == Accepted("")
    arrived = gateway.wait_for(before + 2)[before:]
    assert [arrival.split(" ")[2] for arrival in arrived] == ["udh", "udh"]


def test_the_gateways_own_refusals_are_understood(gateway: Gateway) -> None:
    refused = hand_over(gateway, TEXT, password="wrong")
    assert isinstance(refused, Misconfigured)
    blocked = replace(TEXT, to="+19005550100", expires_at=NOW * 2)
    assert hand_over(gateway, blocked) == Permanent(Failure.REGION_BLOCKED)


def test_the_gateway_calls_back_under_an_address_that_proves_itself(gateway: Gateway) -> None:
    async def run() -> object:
        async with fake_provider(replying(answer(204))) as panel, httpx2.AsyncClient() as client:
            paths = SignedPaths(panel.url, "/telephony/kannel", PASSWORD)
            settings = KannelGateway(gateway.url, "panel", PASSWORD, "EXAMPLE", None, paths)
            message = replace(TEXT, id="out_7.x", expires_at=NOW + 540)
            assert await Kannel(settings, client).send(message, now=NOW) == Accepted("")
            async with asyncio.timeout(PATIENCE_SECONDS):
                await panel.asked.wait()
            path = panel.taken[0].line.split(" ")[1]
            return KannelCallbacks(paths).read(CallbackRequest(path, {}))

    assert asyncio.run(run()) == StatusReport("out_7.x", SendState.ACCEPTED)


def test_who_texts_stop_is_read_as_the_gateway_hands_it_on(tmp_path: Path) -> None:
    async def run() -> object:
        async with fake_provider(replying(answer(204))) as panel:
            paths = SignedPaths(panel.url, "/telephony/kannel", PASSWORD)
            stopping = open_gateway(tmp_path, post_url=paths.url("inbound", "replies"), says="Stop")
            opened = await asyncio.to_thread(stopping.__enter__)
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await panel.asked.wait()
            finally:
                await asyncio.to_thread(stopping.__exit__, None, None, None)
            taken = panel.taken[0]
            assert opened.url
            method, path, _ = taken.line.split(" ")
            assert method == "POST"
            return KannelCallbacks(paths).read(CallbackRequest(path, taken.headers, taken.body))

    assert asyncio.run(run()) == OptReport("+12025550100", out=True)


def test_a_reply_under_another_address_is_forged() -> None:
    path = PATHS.url("inbound", "replies").removeprefix("https://panel.example.org")
    headers = {"x-kannel-from": "+12025550100"}
    callbacks = KannelCallbacks(PATHS)
    assert callbacks.read(CallbackRequest(path, headers, b" start ")) == OptReport(
        "+12025550100", out=False
    )
    assert callbacks.read(CallbackRequest(path, headers, b"hello")) is None
    assert callbacks.read(CallbackRequest(path, {}, b"STOP")) is None
    forged = path.replace("replies", "others")
    assert callbacks.read(CallbackRequest(forged, headers, b"STOP")) == Forged()
