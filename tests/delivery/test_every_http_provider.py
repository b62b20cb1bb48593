"""What holds for every provider over HTTP: broken lines, redirects, hangs, other messages, repr."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx2
import pytest

from tests.support.fake_provider import (
    CALL,
    MAIL,
    NOW,
    TEXT,
    answer,
    fake_provider,
    hanging,
    replying,
    send_to,
)
from twostep.core.messages.channel import Channel
from twostep.delivery.carriers.aws_sns import AwsSns, SnsAccount
from twostep.delivery.carriers.kannel import Kannel, KannelGateway
from twostep.delivery.carriers.twilio import Twilio, TwilioAccount
from twostep.delivery.carriers.vonage import Vonage, VonageAccount
from twostep.delivery.carriers.webhook import Webhook, WebhookReceiver
from twostep.delivery.port import (
    Ambiguous,
    Carrier,
    Misconfigured,
    Temporary,
    Throttled,
)


SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0" + "LXNlY3JldA=="
Make = Callable[[str, httpx2.AsyncClient], Carrier]


def twilio(url: str, client: httpx2.AsyncClient) -> Carrier:
    account = TwilioAccount("AC" + "0" * 32, "SK1", "hush", text_from="+12025550199", api=url)
    return Twilio(account, client)


def vonage(url: str, client: httpx2.AsyncClient) -> Carrier:
    return Vonage(VonageAccount("key", "hush", text_from="Panel", text_api=url), client)


def aws_sns(url: str, client: httpx2.AsyncClient) -> Carrier:
    return AwsSns(SnsAccount("eu-central-1", "AKIA0000000000000000", "hush", endpoint=url), client)


def kannel(url: str, client: httpx2.AsyncClient) -> Carrier:
    return Kannel(KannelGateway(url, "panel", "hush"), client)


def webhook(url: str, client: httpx2.AsyncClient) -> Carrier:
    return Webhook(WebhookReceiver(f"{url}/send", SECRET), client)


ALL = pytest.mark.parametrize("make", [twilio, vonage, aws_sns, kannel, webhook])


@ALL
def test_only_texts_are_taken_where_nothing_else_is_set_up(make: Make) -> None:
    channel = make("http://127.0.0.1:9", httpx2.AsyncClient())
    assert channel.channels == {Channel.SMS}
    for message in (CALL, MAIL):
        assert isinstance(asyncio.run(channel.send(message, now=NOW)), Misconfigured)


@ALL
def test_a_redirect_is_refused_and_not_followed(make: Make) -> None:
    async def run() -> None:
        async with fake_provider(replying(answer(200, {}))) as inside:
            moved = replying(answer(307, Location=f"{inside.url}/take-it"))
            async with (
                fake_provider(moved) as fake,
                httpx2.AsyncClient(follow_redirects=True) as client,
            ):
                outcome = await make(fake.url, client).send(TEXT, now=NOW)
            assert isinstance(outcome, Misconfigured)
            assert inside.taken == []

    asyncio.run(run())


@ALL
def test_a_closed_port_is_temporary(make: Make) -> None:
    async def run() -> None:
        async with fake_provider(hanging) as fake:
            url = fake.url
        async with httpx2.AsyncClient() as client:
            assert isinstance(await make(url, client).send(TEXT, now=NOW), Temporary)

    asyncio.run(run())


@ALL
def test_silence_is_ambiguous(make: Make) -> None:
    assert isinstance(send_to(make, TEXT, hanging, seconds=0.3)[0], Ambiguous)


@ALL
@pytest.mark.parametrize(
    "raw", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"]
)
def test_a_line_that_breaks_is_ambiguous(make: Make, raw: bytes) -> None:
    assert isinstance(send_to(make, TEXT, raw)[0], Ambiguous)


@pytest.mark.parametrize("make", [vonage, aws_sns, twilio])
@pytest.mark.parametrize("body", [b"<html>welcome</html>", b"[]", b"\xff\xfe", b"x" * 100_000])
def test_an_answer_that_says_nothing_is_ambiguous(make: Make, body: bytes) -> None:
    assert isinstance(send_to(make, TEXT, answer(200, body))[0], Ambiguous)


@ALL
@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, Temporary), (503, Temporary), (504, Ambiguous), (401, Misconfigured), (429, Throttled)],
)
def test_statuses_mean_the_same_everywhere(make: Make, status: int, kind: type) -> None:
    assert isinstance(send_to(make, TEXT, answer(status, b"{}"))[0], kind)


@ALL
def test_how_long_to_wait_is_the_providers_word(make: Make) -> None:
    outcome, _ = send_to(make, TEXT, answer(429, b"", Retry_After="7"))
    assert outcome == Throttled(7)


@ALL
def test_an_error_text_goes_without_numbers_to_the_log(make: Make) -> None:
    said = {"message": f"{TEXT.to} {TEXT.code}", "detail": TEXT.to, "error-text": TEXT.to}
    outcome, _ = send_to(make, TEXT, answer(403, said))
    assert isinstance(outcome, Misconfigured)
    assert not {"2025550100", "482915"} & set(outcome.detail.split())
    assert "2025550100" not in outcome.detail


def test_nothing_secret_shows_in_repr() -> None:
    shown = repr(
        (
            VonageAccount("key", "hush", private_key="hush"),
            SnsAccount("r", "id", "hush", session_token="hush"),
            KannelGateway("u", "n", "hush"),
            WebhookReceiver("u", "hush", bearer="hush"),
        )
    )
    assert "hush" not in shown
