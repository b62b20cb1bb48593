"""Every provider is asked something harmless, and every answer becomes a sentence with a fix."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from aiosmtpd.smtp import AuthResult
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.delivery.carriers.test_aws_sns import moto_url
from tests.delivery.mail.test_smtp import Mailbox, certificate, running, scripted
from tests.delivery.mail.test_smtp import settings as mail_settings
from tests.delivery.test_every_http_provider import SECRET
from tests.support.fake_provider import NOW, Taken, answer, fake_provider, hanging, replying
from tests.support.kannel import PASSWORD, open_gateway
from twostep.delivery import examination
from twostep.delivery.carriers.aws_sns import AwsSns, SnsAccount
from twostep.delivery.carriers.command import Command, Program
from twostep.delivery.carriers.kannel import Kannel, KannelGateway
from twostep.delivery.carriers.twilio import Twilio, TwilioAccount
from twostep.delivery.carriers.vonage import Vonage, VonageAccount
from twostep.delivery.carriers.webhook import Webhook, WebhookReceiver
from twostep.delivery.examination import Examinable, Examined, Verdict, explain
from twostep.delivery.mail.smtp import Smtp


__all__ = ["certificate", "moto_url"]  # fixtures

WORKS, UNTESTED, DOUBTFUL, BROKEN = Verdict
SID = "AC" + "0" * 32
Make = Callable[[str, httpx2.AsyncClient], Examinable]


def twilio(url: str, client: httpx2.AsyncClient) -> Examinable:
    return Twilio(TwilioAccount(SID, SID, "hush", text_from="+12025550199", api=url), client)


def twilio_key(url: str, client: httpx2.AsyncClient) -> Examinable:
    account = TwilioAccount(SID, "SK" + "0" * 32, "hush", text_from="+12025550199", api=url)
    return Twilio(account, client)


def vonage(url: str, client: httpx2.AsyncClient) -> Examinable:
    return Vonage(VonageAccount("key", "hush", text_from="Panel", text_api=url), client)


def aws_sns(url: str, client: httpx2.AsyncClient) -> Examinable:
    return AwsSns(SnsAccount("eu-central-1", "AKIA0000000000000000", "hush", endpoint=url), client)


def kannel(url: str, client: httpx2.AsyncClient) -> Examinable:
    return Kannel(KannelGateway(url, "panel", "hush"), client)


def webhook(url: str, client: httpx2.AsyncClient) -> Examinable:
    return Webhook(WebhookReceiver(f"{url}/send", SECRET), client)


def examine(make: Make, raw: bytes) -> tuple[Examined, list[Taken]]:
    async def run() -> tuple[Examined, list[Taken]]:
        async with fake_provider(replying(raw)) as fake, httpx2.AsyncClient() as client:
            return await make(fake.url, client).examine(now=NOW), fake.taken

    return asyncio.run(run())


def sns_error(status: int, code: str, words: str = "x") -> bytes:
    return answer(
        status,
        f"<ErrorResponse><Code>{code}</Code><Message>{words}</Message></ErrorResponse>".encode(),
    )


@pytest.mark.parametrize(
    ("make", "raw", "verdict", "says"),
    [
        (twilio, answer(200, {"status": "active", "type": "Full"}), WORKS, "takes our login"),
        (twilio, answer(200, {"status": "active", "type": "Trial"}), DOUBTFUL, "trial account"),
        (twilio, answer(200, {"status": "suspended"}), BROKEN, "suspended"),
        (twilio, answer(401, {"code": 20003}), BROKEN, "twilio.auth_token"),
        (twilio, answer(503), DOUBTFUL, "HTTP 503"),
        (twilio, answer(404), BROKEN, "HTTP 404"),
        (twilio_key, answer(200, {"incoming_phone_numbers": []}), WORKS, "takes our login"),
        (twilio_key, answer(401), BROKEN, "twilio.api_key"),
        (vonage, answer(200, {"value": 10.28}), WORKS, "takes our login"),
        (vonage, answer(200, {"value": 0.0}), BROKEN, "balance is used up"),
        (vonage, answer(401, {"error-code": "401"}), BROKEN, "vonage.api_secret"),
        (aws_sns, answer(200, b"<GetSMSAttributesResponse/>"), WORKS, "takes our signature"),
        (aws_sns, sns_error(403, "AuthorizationError"), UNTESTED, "takes our signature"),
        (aws_sns, sns_error(403, "InvalidClientTokenId"), BROKEN, "aws_sns.access_key_id"),
        (aws_sns, sns_error(403, "SignatureDoesNotMatch", "Signature expired"), BROKEN, "clock"),
        (aws_sns, sns_error(403, "SignatureDoesNotMatch", "no"), BROKEN, "secret_access_key"),
        (kannel, answer(400, b"Missing receiver(s) number(s), rejected"), WORKS, "takes our login"),
        (kannel, answer(403, b"Authorization failed for sendsms"), BROKEN, "kannel.password"),
        (kannel, answer(404, b"Not found"), BROKEN, "HTTP 404"),
    ],
)
def test_every_answer_has_a_sentence(make: Make, raw: bytes, verdict: Verdict, says: str) -> None:
    examined, taken = examine(make, raw)
    assert (examined.verdict, says in examined.text) == (verdict, True), examined
    assert "hush" not in examined.text
    # Neither password nor number stands where proxies log it, and no message is asked for.
    assert all("hush" not in request.line and b"Publish" not in request.body for request in taken)


def test_a_webhook_is_only_connected_to() -> None:
    async def run() -> None:
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.set_result(await reader.read())
            writer.close()

        listening = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        async with listening, httpx2.AsyncClient() as client:
            examined = await webhook(url, client).examine(now=NOW)
            assert await heard == b""
        assert examined.verdict is UNTESTED
        assert "cannot be tested without sending" in examined.text

    asyncio.run(run())


HTTP = pytest.mark.parametrize("make", [twilio, vonage, aws_sns, kannel, webhook])


@HTTP
def test_a_closed_port_is_named(make: Make) -> None:
    async def run() -> Examined:
        async with fake_provider(hanging) as fake:
            url = fake.url
        async with httpx2.AsyncClient() as client:
            return await make(url, client).examine(now=NOW)

    examined = asyncio.run(run())
    assert examined.verdict is BROKEN
    assert "Nothing listens at 127.0.0.1 port" in examined.text


@pytest.mark.parametrize("make", [twilio, vonage, aws_sns, kannel])
@pytest.mark.parametrize("raw", [b"", b"garbage\r\n\r\n"])
def test_a_broken_answer_is_no_crash(make: Make, raw: bytes) -> None:
    examined, _ = examine(make, raw)
    assert examined.verdict is BROKEN
    assert "did not answer" in examined.text


def test_a_redirect_is_not_followed_with_our_password() -> None:
    examined, taken = examine(twilio, answer(302, Location="http://127.0.0.1:9/"))
    assert (examined.verdict, len(taken)) == (BROKEN, 1)


def test_vonage_calls_are_examined_with_the_applications_key() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def make(url: str, client: httpx2.AsyncClient, private_key: str = pem) -> Examinable:
        account = VonageAccount(
            "key", "hush", text_from="Panel", text_api=url, call_api=url, call_from="+12025550199",
            application_id="00000000-0000-0000-0000-000000000000", private_key=private_key,
        )  # fmt: skip
        return Vonage(account, client)

    examined, taken = examine(make, answer(200, {"value": 1}))
    assert examined.verdict is WORKS
    asked, calls = taken
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"key:hush").decode()
    assert calls.headers["authorization"].startswith("Bearer ey")
    examined, _ = examine(
        lambda url, client: make(url, client, "no key"), answer(200, {"value": 1})
    )
    assert "vonage.private_key is no private RSA key" in examined.text


def test_sns_by_a_server_that_others_wrote(moto_url: str) -> None:
    async def run() -> Examined:
        async with httpx2.AsyncClient() as client:
            return await aws_sns(moto_url, client).examine(now=NOW)

    assert asyncio.run(run()).verdict is WORKS


def test_kannel_says_whether_the_login_is_right_and_sends_nothing(tmp_path: Path) -> None:
    with open_gateway(tmp_path) as gateway:

        async def ask(password: str) -> Examined:
            async with httpx2.AsyncClient() as client:
                channel = Kannel(KannelGateway(gateway.url, "panel", password), client)
                return await channel.examine(now=NOW)

        assert asyncio.run(ask(PASSWORD)).verdict is WORKS
        refused = asyncio.run(ask("wrong"))
        assert (refused.verdict, "kannel.password" in refused.text) == (BROKEN, True)
        assert gateway.messages() == []


def test_a_program_is_looked_at_and_not_run(tmp_path: Path) -> None:
    program, trace = tmp_path / "send", tmp_path / "trace"

    def ask() -> Examined:
        return asyncio.run(Command(Program((str(program), "{to}"))).examine(now=NOW))

    assert "There is no program" in ask().text
    program.write_text(f"#!/bin/sh\ntouch {trace}\n")
    program.chmod(0o600)
    assert "may not run" in ask().text
    program.chmod(0o700)
    assert ask().verdict is UNTESTED
    assert not trace.exists()


def mail(port: int, context: object = None, **more: object) -> Examined:
    return asyncio.run(Smtp(mail_settings(port, **more), context=context).examine(now=NOW))


@contextmanager
def mail_server(certificate: object) -> Iterator[tuple[int, Mailbox]]:
    def log_in(server, session, envelope, mechanism, data):
        return AuthResult(success=data.password == b"right", handled=False)

    mailbox = Mailbox()
    options = {"tls_context": certificate[0], "require_starttls": True, "authenticator": log_in}
    with running(mailbox, **options) as port:
        yield port, mailbox


def test_the_mail_server_is_logged_in_to_and_sent_nothing(certificate: object) -> None:
    login = {"security": "starttls", "username": "panel"}
    with mail_server(certificate) as (port, mailbox):
        assert mail(port, certificate[1], password="right", **login).verdict is WORKS
        refused = mail(port, certificate[1], password="wrong", **login)
        assert (refused.verdict, "smtp.password" in refused.text) == (BROKEN, True)
        untrusted = mail(port, password="right", **login)
        assert (untrusted.verdict, "is not trusted" in untrusted.text) == (BROKEN, True)
        other = mail(port, certificate[1], host="localhost", password="right", **login)
        assert (other.verdict, "for another name" in other.text) == (BROKEN, True)
        nobody = mail(port, certificate[1], security="starttls")
        assert (nobody.verdict, "without a login" in nobody.text) == (WORKS, True)
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("replies", "verdict", "says"),
    [
        ({"rcpt": "504 5.5.2 Helo command rejected"}, BROKEN, "smtp.ehlo_name"),
        ({"rcpt": "554 5.7.1 Relay access denied"}, BROKEN, "Relay access denied"),
        ({"mail": "553 5.7.1 not owned by user panel"}, BROKEN, "smtp.from"),
        ({"rcpt": "450 4.2.0 greylisted"}, DOUBTFUL, "in a few minutes"),
        ({"rcpt": "550 5.1.10 takes no mail"}, WORKS, "mail from panel@example.org"),
    ],
)
def test_the_mail_server_is_asked_as_far_as_the_recipient(
    replies: dict[str, str], verdict: Verdict, says: str
) -> None:
    mailbox = Mailbox(**replies)
    with running(mailbox) as port:
        examined = mail(port)
    assert (examined.verdict, says in examined.text) == (verdict, True)
    assert mailbox.mails == []


def test_what_is_wrong_with_the_line_to_the_mail_server_is_told_apart(certificate: object) -> None:
    with running(Mailbox()) as port:
        plain = mail(port, certificate[1], security="starttls")
        assert "offers no STARTTLS" in plain.text
        first = mail(port, certificate[1], security="tls")
        assert "speaks no TLS" in first.text
        unasked = mail(port, username="panel", password="right")
        assert "asks for no login" in unasked.text
    assert "Nothing listens" in mail(port).text
    assert "Nothing listens" in mail(port, host="localhost").text
    with scripted(b"421 too busy 12345\r\n", None) as port:
        assert "turns us away (SMTP 421: too busy xxxxx)" in mail(port).text
    with scripted(None) as port:
        assert "hangs up" in mail(port).text
    assert "No machine is called" in mail(25, host="nobody.invalid", security="starttls").text


def test_silence_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twostep.delivery.mail.smtp.EXAMINE_SECONDS", 0.2)
    monkeypatch.setattr(examination, "CONNECT_SECONDS", 0.2)
    with scripted(b"220 hi\r\n", b"") as port:
        assert mail(port).verdict is BROKEN


def test_every_error_of_a_line_has_its_own_words() -> None:
    texts = {
        explain(error, host="h", port=1)
        for error in (TimeoutError(), OSError(113, "No route to host"), ConnectionRefusedError(), ValueError())
    }  # fmt: skip
    assert len(texts) == 4
    several = OSError("Multiple exceptions: [Errno 111] ('::1', 25), [Errno 111] ('127.0.0.1', 25)")
    assert explain(several, host="h", port=1) == explain(ConnectionRefusedError(), host="h", port=1)
