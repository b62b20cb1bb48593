"""Twilio's and Vonage's own API descriptions, served by Prism, against what we send."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.support.fake_provider import CALL, NOW, TEXT
from tests.support.npm import need
from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_SECONDS
from twostep.delivery.carriers.twilio import Twilio, TwilioAccount
from twostep.delivery.carriers.vonage import Vonage, VonageAccount, text_form
from twostep.delivery.port import Accepted, Misconfigured


PATHS = (
    "/2010-04-01/Accounts/{AccountSid}/Messages.json",
    "/2010-04-01/Accounts/{AccountSid}/Calls.json",
)


def specs() -> Path:
    """The folder of third parties' descriptions; without it these tests are skipped, aloud."""
    folder = os.environ.get("TWOSTEP_SPECS")
    if folder is None:
        pytest.skip("TWOSTEP_SPECS does not say where the providers' API descriptions are")
    return Path(folder)


@contextmanager
def mocking(description: Path) -> Iterator[str]:
    """Prism serving a description; where it listens."""
    place = need("@stoplight/prism-cli")
    port = free_port()
    server = subprocess.Popen(
        [place / "node_modules" / ".bin" / "prism", "mock", "-h", "127.0.0.1", "-p", str(port),
         str(description)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        for line in server.stdout:
            if re.search("listening", line):
                break
        else:
            pytest.fail("Prism does not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(PATIENCE_SECONDS)
        if server.stdout is not None:
            server.stdout.close()


@pytest.fixture(scope="module")
def prism_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    spec = json.loads((specs() / "twilio_api_v2010.json").read_text(encoding="utf-8"))
    spec["paths"] = {path: spec["paths"][path] for path in PATHS}
    for path in PATHS:
        form = spec["paths"][path]["post"]["requestBody"]["content"][
            "application/x-www-form-urlencoded"
        ]["schema"]
        # Sharper than the original: a name that is misspelt or a number that is none is refused.
        form["additionalProperties"] = False
        form["properties"]["To"]["pattern"] = r"^\+[1-9]\d{6,14}$"
    cut = tmp_path_factory.mktemp("prism") / "twilio.json"
    cut.write_text(json.dumps(spec), encoding="utf-8")
    with mocking(cut) as url:
        yield url


def send(url: str, message: object, **more: object) -> object:
    given = {
        "account_sid": "AC" + "0" * 32,
        "user": "SK" + "0" * 32,
        "secret": "hush",
        "text_from": "+12025550199",
        "call_from": "+12025550199",
        "callback_base": "https://panel.example.org/telephony/twilio",
        "api": url,
    }

    async def run() -> object:
        async with httpx2.AsyncClient() as client:
            return await Twilio(TwilioAccount(**(given | more)), client).send(message, now=NOW)

    return asyncio.run(run())


def test_texts_and_calls_are_what_the_description_asks_for(prism_url: str) -> None:
    for message in (TEXT, CALL):
        assert isinstance(send(prism_url, message), Accepted)
    service = send(prism_url, TEXT, text_from="MG" + "0" * 32, callback_base=None)
    assert isinstance(service, Accepted)


def test_it_would_have_said_so(prism_url: str) -> None:
    bad_number = type(TEXT)("i", "12025550100", "x", "1", "en", NOW + 60)
    assert isinstance(send(prism_url, bad_number), Misconfigured)
    assert isinstance(send(prism_url, TEXT, account_sid="AC1"), Misconfigured)
    assert isinstance(send(prism_url, CALL, callback_base="no address"), Misconfigured)


def test_a_text_by_vonage_is_what_its_description_asks_for(tmp_path: Path) -> None:
    # Its server's address ends in /sms, which Prism does not count as part of the path.
    text = (specs() / "vonage_sms.yml").read_text(encoding="utf-8")
    moved = tmp_path / "vonage.yml"
    moved.write_text(text.replace("  /{format}:", "  /sms/{format}:", 1), encoding="utf-8")

    async def post(url: str, **form: str) -> int:
        async with httpx2.AsyncClient() as client:
            return (await client.post(f"{url}/sms/json", data=form)).status_code

    async def run(url: str) -> object:
        account = VonageAccount("abcd1234", "abcdef0123456789", text_from="Panel", text_api=url)
        async with httpx2.AsyncClient() as client:
            return await Vonage(account, client).send(TEXT, now=NOW)

    with mocking(moved) as url:
        assert isinstance(asyncio.run(run(url)), Accepted)
        form = text_form(
            TEXT, VonageAccount("abcd1234", "abcdef0123456789", text_from="Panel"), now=NOW
        )
        assert asyncio.run(post(url, **form)) == 200
        del form["to"]
        assert asyncio.run(post(url, **form)) == 422
