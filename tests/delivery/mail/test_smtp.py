"""Mail against real SMTP servers on loopback: encrypted, refusing, and breaking in the middle."""

from __future__ import annotations

import asyncio
import datetime as dt
import email
import email.policy
import ipaddress
import socket
import ssl
import threading
from contextlib import contextmanager, suppress

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.waiting import PATIENCE_SECONDS, longer_and_longer
from twostep.config import Settings
from twostep.delivery.mail import smtp
from twostep.delivery.mail.smtp import Smtp, SmtpServer, write_mail
from twostep.delivery.message import MailMessage, TextMessage
from twostep.delivery.port import (
    Accepted,
    Ambiguous,
    Failure,
    Misconfigured,
    Permanent,
    Temporary,
)


NOW = 1_795_507_920


def mail(to="alice@example.com", **more):
    fields = {
        "id": "out-1",
        "to": to,
        "subject": "Example Panel: backup phone added (••42)",
        "text": "Hällo\n.\nfrom us\n",
        "html": "<p>Hällo</p>",
        "language": "en",
        "made_at": NOW,
        "thread": "account-7",
    }
    return MailMessage(**(fields | more))


def settings(port, **more):
    fields = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "panel@example.org",
        "sender_name": "Example Panel, Inc.",
        "message_domain": "panel.example.org",
    }
    return SmtpServer(**(fields | more))


def send(server, message=None, context=None):
    return asyncio.run(Smtp(server, context=context).send(message or mail(), now=NOW))


class Mailbox:
    """An SMTP server's behaviour: keeps mail, or answers as told."""

    def __init__(self, **replies):
        self.replies = replies
        self.mails = []

    async def handle_MAIL(self, _server, _session, envelope, address, _options):  # noqa: N802
        if "mail" in self.replies:
            return self.replies["mail"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        if "rcpt" in self.replies:
            return self.replies["rcpt"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        if "data" in self.replies:
            return self.replies["data"]
        self.mails.append(envelope)
        return "250 2.0.0 queued as 4F2A9"


class Loopback(Controller):
    """Listens on a port that the system chose."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def running(mailbox, **more):
    controller = Loopback(
        mailbox, hostname="127.0.0.1", port=0, ready_timeout=PATIENCE_SECONDS, **more
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1: contexts for the server, and for who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    today = dt.datetime.now(dt.UTC)  # noqa: TID251 - the certificate's own dates
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = built.public_bytes(serialization.Encoding.PEM)
    file.write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file)
    return serving, ssl.create_default_context(cadata=pem.decode())


def test_a_mail_arrives_whole():
    mailbox = Mailbox()
    with running(mailbox) as port:
        assert send(settings(port)) == Accepted("x.x.x queued as xFxAx")
    (envelope,) = mailbox.mails
    assert envelope.mail_from == "panel@example.org"
    assert envelope.rcpt_tos == ["alice@example.com"]
    got = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert got["Subject"] == "Example Panel: backup phone added (••42)"
    assert got["From"] == '"Example Panel, Inc." <panel@example.org>'
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["Message-ID"] == "<out-1@panel.example.org>"
    assert got["References"] == got["In-Reply-To"] == "<account-7@panel.example.org>"
    assert got["Date"] == "Tue, 24 Nov 2026 08:12:00 +0000"
    assert got["Content-Language"] == "en"
    assert got.get_content_type() == "multipart/alternative"
    text, html = got.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == "Hällo\n.\nfrom us\n"
    assert (html.get_content_type(), html.get_content().strip()) == ("text/html", "<p>Hällo</p>")


def test_a_logo_travels_inside_the_mail():
    """Nothing is fetched when it is opened: the picture belongs to the page, not to the text."""
    png = b"\x89PNG\r\n\x1a\n" + bytes(40)
    page = '<p><img src="cid:logo" alt=""></p>'
    mailbox = Mailbox()
    with running(mailbox) as port:
        assert isinstance(send(settings(port), message=mail(html=page, logo=png)), Accepted)
    parsed = email.message_from_bytes(mailbox.mails[0].content, policy=email.policy.default)
    assert [part.get_content_type() for part in parsed.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]
    *_, picture = parsed.walk()
    assert picture["Content-ID"] == "<logo>"
    assert picture.get_content() == png


def test_the_same_row_makes_the_same_message_id():
    first, second = (write_mail(mail(), settings(25)) for _ in range(2))
    assert first["Message-ID"] == second["Message-ID"]
    assert "References" not in write_mail(mail(thread=None), settings(25))


# What Postfix, Exim, Exchange Online and Gmail say, and whose fault it is. In doubt it is the
# operator's: then the mail waits, and somebody is told.
REPLIES = [
    ("mail", "451 4.3.0 later", Temporary),
    ("mail", "550 5.7.1 sender not yours", Misconfigured),
    ("mail", "501 5.1.7 Bad sender address syntax", Misconfigured),
    ("mail", "530 5.7.0 log in first", Misconfigured),
    ("rcpt", "450 4.2.0 greylisted <alice@example.com> 60 s", Temporary),
    ("rcpt", "452 4.2.2 mailbox full", Temporary),
    ("rcpt", "550 5.1.1 <alice@example.com> unknown", Permanent(Failure.UNUSABLE)),
    ("rcpt", "550-5.1.1 The address does not exist.\r\n550 5.1.1 Learn more", Permanent(Failure.UNUSABLE)),
    ("rcpt", "550 5.1.2 Host unknown", Permanent(Failure.UNUSABLE)),
    ("rcpt", "550 5.1.10 no mail for this domain", Permanent(Failure.UNUSABLE)),
    ("rcpt", "553 5.1.3 bad address syntax", Permanent(Failure.UNUSABLE)),
    ("rcpt", "550 5.2.1 mailbox disabled", Permanent(Failure.UNUSABLE)),
    ("rcpt", "552 5.2.2 mailbox over quota", Permanent(Failure.UNUSABLE)),
    ("rcpt", "550 5.4.1 Recipient address rejected: Access denied", Permanent(Failure.UNUSABLE)),
    ("rcpt", "550 No such user here", Permanent(Failure.UNUSABLE)),
    ("rcpt", "550 Unrouteable address", Permanent(Failure.UNUSABLE)),
    ("rcpt", "504 5.5.2 <panel>: Helo command rejected: need fully-qualified hostname", Misconfigured),
    ("rcpt", "504 Helo command rejected: need fully-qualified hostname", Misconfigured),
    ("rcpt", "554 5.7.1 <alice@example.com>: Relay access denied", Misconfigured),
    ("rcpt", "553 5.7.1 <panel@example.org>: Sender address rejected: not owned by user panel", Misconfigured),
    ("rcpt", "550 5.7.1 sending quota of panel is used up", Misconfigured),
    ("rcpt", "550 5.1.8 Access denied, bad outbound sender", Misconfigured),
    ("rcpt", "550 5.4.5 Daily user sending limit exceeded", Misconfigured),
    ("rcpt", "550 relay not permitted", Misconfigured),
    ("rcpt", "554 Relay access denied", Misconfigured),
    ("rcpt", "530 5.7.0 log in first", Misconfigured),
    ("rcpt", "535 5.7.8 log in first", Misconfigured),
    ("rcpt", "534 5.7.9 use an application password", Misconfigured),
    ("rcpt", "521 5.3.2 takes no mail", Misconfigured),
    ("data", "452 4.3.1 disk full", Temporary),
    ("data", "550 5.1.1 no such user", Permanent(Failure.UNUSABLE)),
    ("data", "554 5.6.0 cannot be converted", Permanent(Failure.REFUSED)),
    ("data", "554 5.7.1 spam", Misconfigured),
    ("data", "554 no", Misconfigured),
]  # fmt: skip


@pytest.mark.parametrize(("step", "reply", "outcome"), REPLIES)
def test_a_reply_is_read_by_its_meaning(step, reply, outcome):
    with running(Mailbox(**{step: reply})) as port:
        answer = send(settings(port))
    if isinstance(outcome, Permanent):
        assert answer == outcome
    else:
        assert isinstance(answer, outcome)
    assert "alice" not in answer.detail
    assert reply.split("\r\n")[-1].split(" ", maxsplit=1)[0] in answer.detail


def test_the_servers_words_are_kept_without_digits_and_addresses():
    with running(Mailbox(rcpt="550 5.7.1 <alice@example.com> 42 times: Relay denied")) as port:
        answer = send(settings(port))
    assert answer == Misconfigured(
        "SMTP 550 5.7.1 for the recipient: (address) xx times: Relay denied"
    )


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_password_outside_ascii_is_utf_8(certificate, mechanism):
    """RFC 4616 section 2; the same for LOGIN, which no standard describes."""
    serving, trusting = certificate
    given = []

    def log_in(server, session, envelope, mechanism, data):
        given.append((mechanism, data.login, data.password))
        return AuthResult(success=True)

    excluded = {"PLAIN", "LOGIN"} - {mechanism}
    options = {"tls_context": serving, "authenticator": log_in, "auth_exclude_mechanism": excluded}
    with running(Mailbox(), **options) as port:
        login = {"username": "pänel", "password": "pässwörd-€"}
        server = settings(port, security="starttls", **login)
        assert isinstance(send(server, context=trusting), Accepted)
    assert given == [(mechanism, "pänel".encode(), "pässwörd-€".encode())]


def test_a_sender_outside_ascii_is_never_the_recipients_fault():
    mailbox = Mailbox()
    with running(mailbox, enable_SMTPUTF8=True) as port:
        assert isinstance(send(settings(port, sender="jörg@example.org")), Accepted)
    assert mailbox.mails[0].mail_from == "jörg@example.org"
    with running(Mailbox(), enable_SMTPUTF8=False) as port:
        answer = send(settings(port, sender="jörg@example.org"))
    assert isinstance(answer, Misconfigured)
    assert "smtp.from" in answer.detail


@pytest.mark.parametrize("sender", ["panel@example.org", "no-reply@mail.panel.example.org"])
def test_the_longest_panel_name_keeps_its_quotes(sender):
    """Past some 70 characters the library loses the quotes when it folds the line (gh-80222)."""
    (limit,) = (
        part for part in Settings.model_fields["panel_name"].metadata if hasattr(part, "max_length")
    )
    for name in (
        "Hosting, Inc. (EU) <support@x.example> Ltd.",
        "Möller, Söhne & Töchter GmbH, Ämter",
        "W" * 99,
    ):
        wanted = name[: limit.max_length].strip()
        raw = write_mail(mail(), settings(25, sender=sender, sender_name=wanted)).as_bytes()
        (mailbox,) = email.message_from_bytes(raw, policy=email.policy.default)["From"].addresses
        assert (mailbox.display_name, mailbox.addr_spec) == (wanted, sender)


def test_starttls_and_a_password(certificate):
    serving, trusting = certificate

    def log_in(server, session, envelope, mechanism, data):
        return AuthResult(success=data.password == b"right", handled=False)

    mailbox = Mailbox()
    options = {"tls_context": serving, "require_starttls": True, "authenticator": log_in}
    with running(mailbox, **options) as port:
        good = settings(port, security="starttls", username="panel", password="right")
        assert isinstance(send(good, context=trusting), Accepted)
        bad_password = settings(port, security="starttls", username="panel", password="wrong")
        assert send(bad_password, context=trusting) == Misconfigured(
            "the server refused the user name or the password"
        )
        assert isinstance(send(good), Misconfigured)  # nobody vouches for this certificate
    assert len(mailbox.mails) == 1


def test_tls_from_the_first_byte(certificate):
    serving, trusting = certificate
    with running(Mailbox(), ssl_context=serving) as port:
        assert isinstance(send(settings(port, security="tls"), context=trusting), Accepted)
        assert isinstance(send(settings(port, security="tls")), Misconfigured)


def test_a_server_without_starttls_gets_nothing():
    mailbox = Mailbox()
    with running(mailbox) as port:
        outcome = send(settings(port, security="starttls"), context=ssl.create_default_context())
    assert isinstance(outcome, Misconfigured)
    assert mailbox.mails == []


@pytest.mark.parametrize("host", ["mail.example.org", "192.0.2.1", "localhost.example"])
def test_plain_mail_leaves_no_machine(host):
    with pytest.raises(ValueError, match="must be encrypted"):
        settings(25, host=host)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.5.5.5", "::1"])
def test_plain_mail_on_the_machine_itself_is_fine(host):
    assert settings(25, host=host).security == "none"


@contextmanager
def scripted(*lines, heard=None):
    """Answer each line the client sends with the next of `lines`; None breaks the line off. `heard`:
    a list for what the client said."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        try:
            connection, _ = listening.accept()
        except OSError:  # the client gave up before it came
            return
        # A client may hang up before it has read anything.
        with connection, connection.makefile("rb") as reader, suppress(ConnectionError):
            for line in lines:
                if line is None:
                    return
                connection.sendall(line)
                said = reader.readline()
                if heard is not None:
                    heard.append(said)
            reader.read()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)  # wakes a thread that still waits
        listening.close()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


UP_TO_DATA = (b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n")


def test_a_line_that_breaks_before_the_mail_is_temporary():
    with scripted(*UP_TO_DATA[:3], None) as port:
        assert isinstance(send(settings(port)), Temporary)


def test_a_line_that_breaks_after_the_mail_is_ambiguous():
    with scripted(*UP_TO_DATA, None) as port:
        assert isinstance(send(settings(port)), Ambiguous)


def test_a_server_that_hangs_before_the_mail_is_temporary(monkeypatch):
    monkeypatch.setattr(smtp, "SOCKET_SECONDS", 0.2)
    with scripted(b"220 hi\r\n", b"") as port:
        assert isinstance(send(settings(port)), Temporary)


def test_a_server_that_hangs_after_the_mail_is_ambiguous(monkeypatch):
    for seconds in longer_and_longer(0.2):
        monkeypatch.setattr(smtp, "SOCKET_SECONDS", seconds)
        heard = []
        with scripted(*UP_TO_DATA, b"", heard=heard) as port:
            outcome = send(settings(port))
        if len(heard) > len(UP_TO_DATA):  # it came as far as the mail
            break
    assert isinstance(outcome, Ambiguous)


def test_a_closed_port_is_temporary():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert send(settings(port)) == Temporary("no conversation: ConnectionRefusedError")


@pytest.mark.parametrize(
    "to", ["", "alice", "@example.com", "a b@example.com", "a@example.com\r\nBcc: b@example.com"]
)
def test_an_address_that_cannot_be_written_is_refused(to):
    mailbox = Mailbox()
    with running(mailbox) as port:
        assert send(settings(port), mail(to)) == Permanent(Failure.UNUSABLE)
    assert mailbox.mails == []


def test_a_subject_cannot_add_a_header():
    with running(Mailbox()) as port:
        outcome = send(settings(port), mail(subject="x\r\nBcc: b@example.com"))
    assert isinstance(outcome, Permanent)


def test_an_address_outside_ascii_goes_where_the_server_can():
    mailbox = Mailbox()
    with running(mailbox, enable_SMTPUTF8=True) as port:
        assert isinstance(send(settings(port), mail("jörg@example.com")), Accepted)
    assert mailbox.mails[0].rcpt_tos == ["jörg@example.com"]
    with running(Mailbox(), enable_SMTPUTF8=False) as port:
        assert send(settings(port), mail("jörg@example.com")) == Permanent(Failure.UNUSABLE)


def test_a_goodbye_that_nobody_answers_takes_no_mail_back(monkeypatch):
    monkeypatch.setattr(smtp, "GOODBYE_SECONDS", 0.2)
    with scripted(*UP_TO_DATA, b"250 queued\r\n", b"") as port:
        assert send(settings(port)) == Accepted("queued")


def test_who_stops_waiting_hangs_up():
    async def story(port):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await Smtp(settings(port)).send(mail(), now=NOW)

    with scripted(b"220 hi\r\n", b"") as port:  # whose thread ends with the line
        asyncio.run(story(port))


def test_few_conversations_at_once(monkeypatch):
    monkeypatch.setattr(smtp, "MOST_CONNECTIONS", 2)
    most = [0, 0]

    class Counting(Mailbox):
        async def handle_MAIL(self, *arguments):  # noqa: N802
            most[0] += 1
            most[1] = max(most)
            await asyncio.sleep(0.05)
            most[0] -= 1
            return await super().handle_MAIL(*arguments)

    async def story(port):
        carrier = Smtp(settings(port))
        await asyncio.gather(*(carrier.send(mail(id=f"out-{n}"), now=NOW) for n in range(6)))

    mailbox = Counting()
    with running(mailbox) as port:
        asyncio.run(story(port))
    assert (len(mailbox.mails), most) == (6, [0, 2])


@pytest.mark.parametrize("name", ["mail.example.org", "bare", "pänel.example.org"])
def test_we_name_ourselves_as_servers_want_it(monkeypatch, name):
    monkeypatch.setattr(smtp.socket, "getfqdn", lambda: name)
    monkeypatch.setattr(smtp.socket, "gethostbyname", lambda _: "192.0.2.7")
    names = []

    class Listening(Mailbox):
        async def handle_EHLO(self, _server, session, _envelope, hostname, responses):  # noqa: N802
            names.append(hostname)
            session.host_name = hostname
            return responses

    with running(Listening()) as port:
        assert isinstance(send(settings(port)), Accepted)
    assert names == [name if name == "mail.example.org" else "[192.0.2.7]"]


def test_the_operator_may_choose_our_name():
    heard = []
    with scripted(*UP_TO_DATA[:3], None, heard=heard) as port:
        send(settings(port, ehlo_name="panel.example.org"))
    assert heard[0].strip().lower() == b"ehlo panel.example.org"


def test_only_mail_goes_by_mail():
    text = TextMessage(id="1", to="+1", text="t", code="c", language="en", expires_at=1)
    assert isinstance(send(settings(25), text), Misconfigured)
