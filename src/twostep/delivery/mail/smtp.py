"""Mail by SMTP (RFC 5321), each in one conversation of its own on a thread.

The steps are taken one by one, because what a broken line means depends on where it broke: before
the message was written nothing was sent, after it nobody knows.
"""

from __future__ import annotations

import asyncio
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import SMTPUTF8 as SMTPUTF8_POLICY
from email.utils import format_datetime
from typing import Literal

from twostep.config.kinds import is_loopback
from twostep.config.mail import SmtpSettings
from twostep.core.messages.channel import Channel
from twostep.delivery.examination import Examined, Verdict
from twostep.delivery.mail.smtp_fault import explain_smtp
from twostep.delivery.message import MailMessage, Message
from twostep.delivery.port import (
    Accepted,
    Ambiguous,
    Failure,
    Misconfigured,
    Outcome,
    Permanent,
    Temporary,
    redact,
)
from twostep.delivery.site import Site, clear


SOCKET_SECONDS = 10.0
EXAMINE_SECONDS = 4.0
THREADS = 4
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """The server mail goes through.

    `security`: `tls` from the first byte (port 465), `starttls` (587), or `none`, which is allowed
    on loopback alone. `sender`: the address mail comes from; `sender_name`: the panel's name.
    `message_domain`: the domain of Message-IDs, usually the public host.
    """

    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    sender: str
    sender_name: str
    message_domain: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError(f"mail to {self.host} must be encrypted: set security to starttls")


class _Lines:
    """Conversations under way, which another thread may cut."""

    def __init__(self) -> None:
        self._open: set[smtplib.SMTP] = set()

    @contextmanager
    def hold(self, smtp: smtplib.SMTP) -> Iterator[None]:
        self._open.add(smtp)
        try:
            yield
        finally:
            self._open.discard(smtp)

    def cut(self) -> None:
        for smtp in self._open.copy():
            connection = smtp.sock
            if connection is not None:
                with suppress(OSError):  # over in this moment
                    connection.shutdown(socket.SHUT_RDWR)


class _Plain(smtplib.SMTP):
    """A conversation that can be cut while the server has not even greeted."""

    def __init__(self, lines: _Lines, host: str, port: int, *, timeout: float) -> None:
        with lines.hold(self):
            super().__init__(host, port, timeout=timeout)


class _Encrypted(smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""

    def __init__(
        self, lines: _Lines, host: str, port: int, *, timeout: float, context: ssl.SSLContext
    ) -> None:
        with lines.hold(self):
            super().__init__(host, port, timeout=timeout, context=context)


class Smtp:
    """The carrier. `context`: which certificates are trusted; the system's where None."""

    name = "smtp"
    channels = frozenset({Channel.EMAIL})

    def __init__(self, server: SmtpServer, *, context: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._context = context or ssl.create_default_context()
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="smtp")
        self._lines = _Lines()

    async def send(self, message: Message, *, now: int) -> Outcome:  # noqa: ARG002 - the port's
        """Send one mail."""
        if not isinstance(message, MailMessage):
            return Misconfigured("SMTP carries mail only")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._deliver, message)

    async def examine(self, *, now: int) -> Examined:  # noqa: ARG002  the protocol's
        """Connect, encrypt, log in and hang up: no mail is sent."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._examine)

    def close(self) -> None:
        """Cut conversations under way, which hold the process up otherwise, and take no new ones."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._lines.cut()

    def _deliver(self, message: MailMessage) -> Outcome:
        try:
            written = write_mail(message, self._server)
        except (ValueError, IndexError):
            return Permanent(Failure.UNUSABLE)
        written_at_all = False
        try:
            with self._conversation() as smtp:
                refused = self._envelope(smtp, message.to)
                if refused is not None:
                    return refused
                needs_utf8 = not message.to.isascii()
                policy = SMTPUTF8_POLICY if needs_utf8 else SMTP_POLICY
                data = written.as_bytes(policy=policy)
                written_at_all = True
                return _read_reply(*smtp.data(data), of="data")
        except smtplib.SMTPDataError as error:
            return _read_reply(error.smtp_code, _as_bytes(error.smtp_error), of="data")
        except (smtplib.SMTPException, OSError) as error:
            if written_at_all:
                return Ambiguous(f"the line broke while writing: {type(error).__name__}")
            return _read_failure(error)

    def _examine(self) -> Examined:
        server = self._server
        try:
            with self._conversation(EXAMINE_SECONDS) as smtp:
                smtp.noop()
        except (smtplib.SMTPException, OSError) as error:
            text = explain_smtp(error, host=server.host, port=server.port)
            return Examined(Verdict.BROKEN, f"{text}.")
        if server.username is None:
            return Examined(
                Verdict.UNTESTED,
                "It answers. Whether it takes mail from us without a login cannot be tested without"
                " sending.",
            )
        return Examined(Verdict.WORKS, "It takes our login.")

    @contextmanager
    def _conversation(self, seconds: float | None = None) -> Iterator[smtplib.SMTP]:
        server = self._server
        wait = SOCKET_SECONDS if seconds is None else seconds
        if server.security == "tls":
            smtp: smtplib.SMTP = _Encrypted(
                self._lines, server.host, server.port, timeout=wait, context=self._context
            )
        else:
            smtp = _Plain(self._lines, server.host, server.port, timeout=wait)
        try:
            with self._lines.hold(smtp):
                if server.security == "starttls":
                    smtp.starttls(context=self._context)
                smtp.ehlo_or_helo_if_needed()
                if server.username is not None:
                    smtp.login(server.username, server.password or "")
                yield smtp
        except BaseException:
            # Saying goodbye on a broken line would wait for an answer once more.
            smtp.close()
            raise
        _hang_up(smtp)

    def _envelope(self, smtp: smtplib.SMTP, recipient: str) -> Outcome | None:
        options = []
        if not recipient.isascii():
            if not smtp.has_extn("smtputf8"):
                return Permanent(Failure.UNUSABLE)
            options = ["SMTPUTF8", "BODY=8BITMIME"]
        code, reply = smtp.mail(self._server.sender, options)
        if code != 250:
            return _read_reply(code, reply, of="sender")
        code, reply = smtp.rcpt(recipient)
        if code not in {250, 251}:
            return _read_reply(code, reply, of="recipient")
        return None


async def build(own: SmtpSettings, site: Site) -> Smtp:
    """Make it from its settings."""
    server = SmtpServer(
        host=own.host,
        port=own.port,
        security=own.security,
        sender=own.sender,
        sender_name=site.settings.panel_name,
        message_domain=site.settings.public_host,
        username=own.user,
        password=clear(own.password),
    )
    carrier = Smtp(server)
    site.closing.callback(carrier.close)
    return carrier


def write_mail(message: MailMessage, server: SmtpServer) -> EmailMessage:
    """Write the message; ValueError where an address or a header cannot be written.

    `Auto-Submitted` (RFC 3834) keeps holiday notes from answering. The Message-ID comes from the
    outbox row, so that a repeated delivery is recognised as the same mail.
    """
    if _ADDRESS.fullmatch(message.to) is None:
        raise ValueError("an address has one name, one @ and one domain")
    mail = EmailMessage(policy=SMTP_POLICY)
    local, _, domain = message.to.rpartition("@")
    mail["To"] = Address(username=local, domain=domain)
    sender_local, _, sender_domain = server.sender.rpartition("@")
    mail["From"] = Address(server.sender_name, username=sender_local, domain=sender_domain)
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.made_at, UTC))
    mail["Message-ID"] = f"<{message.id}@{server.message_domain}>"
    if message.thread is not None:
        thread = f"<{message.thread}@{server.message_domain}>"
        mail["In-Reply-To"] = thread
        mail["References"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(message.text, cte="quoted-printable")
    mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
    mail["Content-Language"] = message.language
    return mail


def _read_reply(code: int, reply: bytes, *, of: Literal["sender", "recipient", "data"]) -> Outcome:
    """Sort a reply by its class (RFC 5321 section 4.2.1): 2 yes, 4 later, 5 no."""
    if 200 <= code < 300:
        return Accepted(provider_id=redact(reply.decode(errors="replace"), limit=80))
    words = f"SMTP {code} for the {of}: {redact(reply.decode(errors='replace'))}"
    if code < 500:
        return Temporary(words)
    if of == "sender" or code in {530, 535, 538}:
        return Misconfigured(words)
    return Permanent(Failure.UNUSABLE if of == "recipient" else Failure.REFUSED)


def _as_bytes(reply: bytes | str) -> bytes:
    return reply.encode() if isinstance(reply, str) else reply


def _read_failure(error: Exception) -> Outcome:
    """Sort what went wrong before the message was written."""
    match error:
        case smtplib.SMTPAuthenticationError(smtp_code=code) if code >= 500:
            return Misconfigured("the server refused the user name or the password")
        case smtplib.SMTPNotSupportedError():
            return Misconfigured(redact(str(error)))
        case ssl.SSLCertVerificationError():
            return Misconfigured(f"the certificate is not trusted: {redact(error.verify_message)}")
        case _:
            return Temporary(f"no conversation: {type(error).__name__}")


def _hang_up(smtp: smtplib.SMTP) -> None:
    """Say goodbye; whether it is heard changes nothing any more."""
    try:
        smtp.quit()
    except (smtplib.SMTPException, OSError):
        smtp.close()
