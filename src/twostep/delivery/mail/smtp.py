"""Mail by SMTP (RFC 5321) with `aiosmtplib`, over a separate connection for each mail.

The steps are taken one by one, because the meaning of a broken connection depends on the step:
before the message was written nothing was sent; after that, it may have been.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import SMTPUTF8 as SMTPUTF8_POLICY
from email.utils import format_datetime
from typing import Literal, cast

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPSenderRefused,
)

from twostep.config.kinds import is_loopback
from twostep.config.mail import SmtpSettings
from twostep.core.messages.channel import Channel
from twostep.delivery.examination import Examined, Verdict
from twostep.delivery.mail.smtp_fault import explain_smtp, is_not_offered, unwrap
from twostep.delivery.message import MailMessage, Message
from twostep.delivery.port import (
    Accepted,
    Ambiguous,
    Failure,
    Misconfigured,
    Permanent,
    SendOutcome,
    Temporary,
    redact,
)
from twostep.delivery.site import Site, clear


SOCKET_SECONDS = 10.0
EXAMINE_SECONDS = 4.0
GOODBYE_SECONDS = 2.0
MOST_CONNECTIONS = 4  # at the same time: some servers allow only a few per client
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """The server that mail goes through.

    `security`: `tls` from the first byte (port 465), `starttls` (587), or `none`, which is allowed
    on loopback only. `sender`: the address mail comes from; `sender_name`: the panel's name.
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


class Smtp:
    """The carrier. `context`: the trusted certificates; by default the system's."""

    name = "smtp"
    channels = frozenset({Channel.EMAIL})

    def __init__(self, server: SmtpServer, *, context: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._context = context or ssl.create_default_context()
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)

    async def send(self, message: Message, *, now: int) -> SendOutcome:  # noqa: ARG002 - the port's
        """Send one mail."""
        if not isinstance(message, MailMessage):
            return Misconfigured("SMTP carries mail only")
        try:
            mail = write_mail(message, self._server)
        except (ValueError, IndexError):
            return Permanent(Failure.UNUSABLE)
        data = mail.as_bytes(policy=SMTP_POLICY if message.to.isascii() else SMTPUTF8_POLICY)
        async with self._places:
            return await self._deliver(data, message.to)

    async def examine(self, *, now: int) -> Examined:  # noqa: ARG002  the protocol's
        """Connect, encrypt, log in and hang up: no mail is sent."""
        server = self._server
        try:
            async with self._connection(EXAMINE_SECONDS) as smtp:
                await smtp.noop()
        except (SMTPException, OSError) as error:
            text = explain_smtp(unwrap(error), host=server.host, port=server.port)
            return Examined(Verdict.BROKEN, f"{text}.")
        if server.username is None:
            return Examined(
                Verdict.UNTESTED,
                "It answers. Whether it takes mail from us without a login cannot be tested without"
                " sending.",
            )
        return Examined(Verdict.WORKS, "It takes our login.")

    async def _deliver(self, data: bytes, recipient: str) -> SendOutcome:
        is_writing = False
        try:
            async with self._connection(SOCKET_SECONDS) as smtp:
                refused = await self._envelope(smtp, recipient)
                if refused is not None:
                    return refused
                is_writing = True
                reply = await smtp.data(data)
                return _read_reply(reply.code, reply.message, of="data")
        except SMTPDataError as error:
            return _read_reply(error.code, error.message, of="data")
        except (SMTPException, OSError) as error:
            if is_writing:
                return Ambiguous(f"the line broke while writing: {type(error).__name__}")
            return _read_failure(unwrap(error))

    @asynccontextmanager
    async def _connection(self, seconds: float) -> AsyncIterator[SMTP]:
        """A connection that is logged in. `seconds`: the time limit of each step."""
        server = self._server
        smtp = SMTP(
            hostname=server.host,
            port=server.port,
            local_hostname=await asyncio.to_thread(_client_name),
            timeout=seconds,
            use_tls=server.security == "tls",
            start_tls=False,
            tls_context=self._context,
        )
        line: asyncio.WriteTransport | None = None
        try:
            await smtp.connect()
            line = cast("asyncio.WriteTransport", smtp.transport)
            if server.security == "starttls":
                await smtp.starttls()
            if smtp.is_ehlo_or_helo_needed:
                await _greet(smtp)
            if server.username is not None:
                await smtp.login(server.username, server.password or "")
            yield smtp
            await _hang_up(smtp)
        finally:
            smtp.close()
            # Otherwise closing TLS would wait for a server that may be gone.
            if line is not None:
                line.abort()

    async def _envelope(self, smtp: SMTP, recipient: str) -> SendOutcome | None:
        options, encoding = [], "ascii"
        if not recipient.isascii():
            if not smtp.supports_extension("smtputf8"):
                return Permanent(Failure.UNUSABLE)
            options, encoding = ["SMTPUTF8", "BODY=8BITMIME"], "utf-8"
        try:
            await smtp.mail(self._server.sender, options=options, encoding=encoding)
            await smtp.rcpt(recipient, encoding=encoding)
        except SMTPSenderRefused as error:
            return _read_reply(error.code, error.message, of="sender")
        except SMTPRecipientRefused as error:
            return _read_reply(error.code, error.message, of="recipient")
        except ValueError:  # an address that no command line can hold
            return Permanent(Failure.UNUSABLE)
        return None


async def build(section: SmtpSettings, site: Site) -> Smtp:
    """Build it from its settings."""
    server = SmtpServer(
        host=section.host,
        port=section.port,
        security=section.security,
        sender=section.sender,
        sender_name=site.settings.panel_name,
        message_domain=site.settings.public_host,
        username=section.user,
        password=clear(section.password),
    )
    return Smtp(server)


def write_mail(message: MailMessage, server: SmtpServer) -> EmailMessage:
    """Write the message. ValueError if an address or a header cannot be written.

    `Auto-Submitted` (RFC 3834) keeps out-of-office replies away. The Message-ID comes from the
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


def _read_reply(
    code: int, reply: str, *, of: Literal["sender", "recipient", "data"]
) -> SendOutcome:
    """Map a reply to an outcome by its class (RFC 5321 section 4.2.1): 2 yes, 4 later, 5 no."""
    if 200 <= code < 300:
        return Accepted(provider_id=redact(reply, limit=80))
    words = f"SMTP {code} for the {of}: {redact(reply)}"
    if code < 500:
        return Temporary(words)
    if of == "sender" or code in {530, 535, 538}:
        return Misconfigured(words)
    return Permanent(Failure.UNUSABLE if of == "recipient" else Failure.REFUSED)


def _read_failure(error: Exception) -> SendOutcome:
    """Map an error from before the message was written to an outcome."""
    match error:
        case SMTPAuthenticationError(code=code) if code >= 500:
            return Misconfigured("the server refused the user name or the password")
        case ssl.SSLCertVerificationError():
            return Misconfigured(f"the certificate is not trusted: {redact(error.verify_message)}")
        case SMTPException() if is_not_offered(error):
            return Misconfigured(redact(str(error)))
        case _:
            return Temporary(f"no conversation: {type(error).__name__}")


def _client_name() -> str:
    """The name for EHLO: this machine's full name, or its address if it has none."""
    name = socket.getfqdn()
    if "." in name:
        return name
    try:
        address = socket.gethostbyname(socket.gethostname())
    except OSError:
        address = "127.0.0.1"
    return f"[{address}]"


async def _greet(smtp: SMTP) -> None:
    """Send EHLO, or HELO to a server that does not know it."""
    try:
        await smtp.ehlo()
    except SMTPHeloError:
        if not smtp.is_connected:
            raise
        await smtp.helo()


async def _hang_up(smtp: SMTP) -> None:
    """Send QUIT. Errors no longer matter at this point."""
    with suppress(SMTPException, OSError):
        await smtp.quit(timeout=GOODBYE_SECONDS)
