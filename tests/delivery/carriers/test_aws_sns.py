"""Amazon SNS: our signature against botocore's, and texts through moto's server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.fake_provider import NOW, TEXT, answer, send_to
from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_SECONDS, wait_for_port
from twostep.delivery.carriers import aws_sns
from twostep.delivery.carriers.aws_sns import AwsSns, SnsAccount, encode_form, publish_form, sign
from twostep.delivery.port import (
    Accepted,
    Failure,
    Misconfigured,
    Permanent,
    Temporary,
    Throttled,
)


def account(url: str | None = None, **more: object) -> SnsAccount:
    given = {
        "region": "eu-central-1",
        "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "endpoint": url,
    }
    return SnsAccount(**(given | more))


def sns(url: str, client: httpx2.AsyncClient) -> AwsSns:
    return AwsSns(account(url), client)


def error(status: int, code: str, words: str = "x") -> bytes:
    xml = (
        '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{words}</Message></Error></ErrorResponse>"
    )
    return answer(status, xml.encode())


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"session_token": "temporary/token=="},
        {"sender": "Panel", "origination_number": "+12025550199"},
        {"endpoint": "http://127.0.0.1:5055"},
        {"region": "us-gov-west-1"},
    ],
)
@pytest.mark.parametrize("text", ["plain", "é ~ * ' ( ) ! / + & =", "رمز\n\n@host #1"])
def test_the_signature_is_botocores(
    more: dict[str, object], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = account(**more)
    message = type(TEXT)("i", TEXT.to, text, "1", "en", NOW + 60)
    body = encode_form(publish_form(message, login)).encode()
    ours = sign(login, body, at=NOW)
    monkeypatch.setattr(
        "botocore.auth.get_current_datetime", lambda: datetime.fromtimestamp(NOW, UTC)
    )
    request = AWSRequest("POST", login.url, headers={"Content-Type": aws_sns.FORM}, data=body)
    credentials = Credentials(login.access_key_id, login.secret_access_key, login.session_token)
    SigV4Auth(credentials, "sns", login.region).add_auth(request)
    theirs = {name.lower(): value for name, value in request.headers.items()}
    assert theirs["x-amz-date"] == ours["x-amz-date"]
    assert theirs["authorization"] == ours["authorization"]


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (error(400, "Throttling"), Throttled(5)),
        (error(400, "OptedOut"), Permanent(Failure.OPTED_OUT)),
        (error(400, "EndpointDisabled"), Permanent(Failure.REFUSED)),
        (
            error(
                400, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: +1 is not valid"
            ),
            Permanent(Failure.UNUSABLE),
        ),
        (error(500, "InternalError"), Temporary("HTTP 500, InternalError")),
        (error(503, "ServiceUnavailable"), Temporary("HTTP 503, ServiceUnavailable")),
    ],
)
def test_the_error_table(raw: bytes, outcome: object) -> None:
    assert send_to(sns, TEXT, raw)[0] == outcome


@pytest.mark.parametrize(
    "code", ["InvalidClientTokenId", "SignatureDoesNotMatch", "AuthorizationError", "Whatever"]
)
def test_the_rest_is_the_operators(code: str) -> None:
    outcome = send_to(sns, TEXT, error(403, code, f"no {TEXT.to}"))[0]
    assert isinstance(outcome, Misconfigured)
    assert "2025550100" not in outcome.detail


def test_a_parameter_that_is_not_the_number_is_no_fault_of_the_number() -> None:
    outcome = send_to(sns, TEXT, error(400, "InvalidParameterValue", "SenderID is too long"))[0]
    assert isinstance(outcome, Misconfigured)


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    port = free_port()
    program = Path(sys.executable).with_name("moto_server")
    server = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "MOTO_CALL_RESET_API": "false"},
    )
    try:
        wait_for_port(server, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(PATIENCE_SECONDS)


def publish(url: str, message: object) -> object:
    async def run() -> object:
        async with httpx2.AsyncClient() as client:
            return await AwsSns(account(url), client).send(message, now=NOW)

    return asyncio.run(run())


def test_a_text_goes_through_a_server_that_others_wrote(moto_url: str) -> None:
    outcome = publish(moto_url, TEXT)
    assert isinstance(outcome, Accepted)
    data = httpx2.get(f"{moto_url}/moto-api/data.json", timeout=PATIENCE_SECONDS).json()
    sent = data["sns"]["SMS"][-1]
    assert (sent["message"], sent["phone_number"]) == (TEXT.text, TEXT.to)
    assert sent["message_id"] == outcome.provider_id


def test_that_server_refuses_what_is_no_number(moto_url: str) -> None:
    bad_number = type(TEXT)("i", "+1", "x", "1", "en", NOW + 60)
    assert publish(moto_url, bad_number) == Permanent(Failure.UNUSABLE)


def test_the_form_is_one_that_json_can_hold() -> None:
    form = publish_form(TEXT, account(sender="Panel"))
    assert json.loads(json.dumps(form)) == form
    assert form["MessageAttributes.entry.2.Value.StringValue"] == "Panel"
