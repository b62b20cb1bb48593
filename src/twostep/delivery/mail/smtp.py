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
from twostep.delivery.mail.smtp_reply import read_reply
from twostep.delivery.message import MailMessage, Message
from twostep.delivery.port import (
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
# Doctor asks whether mail to another domain would be taken. This domain is reserved (RFC 2606), and a
# refusal of the address itself is fine.
ELSEWHERE = "twostep-doctor@example.com"
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """The server that mail goes through.

    `security`: `tls` from the first byte (port 465), `starttls` (587), or `none`, which is allowed
    on loopback only. `sender`: the address mail comes from; `sender_name`: the panel's name.
    `message_domain`: the domain of Message-IDs, usually the public host. `ehlo_name`: how we
    introduce ourselves, by default with this machine's name.
    """

    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    sender: str
    sender_name: str
    message_domain: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ehlo_name: str | None = None

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
        is_ascii = (message.to + self._server.sender).isascii()
        data = mail.as_bytes(policy=SMTP_POLICY if is_ascii else SMTPUTF8_POLICY)
        async with self._places:
            return await self._deliver(data, message.to)

    async def examine(self, *, now: int) -> Examined:  # noqa: ARG002  the protocol's
        """Connect, encrypt, log in, name a sender and a recipient, and take them back: no mail is
        sent."""
        server = self._server
        place = f"{server.host} port {server.port}"
        try:
            async with self._connection(EXAMINE_SECONDS) as smtp:
                refused = await self._envelope(smtp, ELSEWHERE)
                await smtp.rset()
        except (SMTPException, OSError) as error:
            text = explain_smtp(unwrap(error), host=server.host, port=server.port)
            return Examined(Verdict.BROKEN, f"{text}.")
        if isinstance(refused, Misconfigured):
            text = (
                f"{place} would not take our mail ({refused.detail}). Check smtp.from, smtp.user,"
                " smtp.ehlo_name and the server's own log."
            )
            return Examined(Verdict.BROKEN, text)
        if isinstance(refused, Temporary):
            text = (
                f"{place} takes no mail just now ({refused.detail}). Look again in a few minutes."
            )
            return Examined(Verdict.DOUBTFUL, text)
        login = "our login" if server.username is not None else "us without a login"
        return Examined(Verdict.WORKS, f"It takes {login}, and mail from {server.sender}.")

    async def _deliver(self, data: bytes, recipient: str) -> SendOutcome:
        is_writing = False
        try:
            async with self._connection(SOCKET_SECONDS) as smtp:
                refused = await self._envelope(smtp, recipient)
                if refused is not None:
                    return refused
                is_writing = True
                reply = await smtp.data(data)
                return read_reply(reply.code, reply.message, of="mail")
        except SMTPDataError as error:
            return read_reply(error.code, error.message, of="mail")
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
            local_hostname=server.ehlo_name or await asyncio.to_thread(_client_name),
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
        sender = self._server.sender
        options, encoding = [], "ascii"
        if not (recipient + sender).isascii():
            if not smtp.supports_extension("smtputf8"):
                if sender.isascii():
                    return Permanent(Failure.UNUSABLE, "the server takes ASCII addresses only")
                return Misconfigured("the server takes ASCII addresses only: change smtp.from")
            options, encoding = ["SMTPUTF8", "BODY=8BITMIME"], "utf-8"
        try:
            await smtp.mail(sender, options=options, encoding=encoding)
        except SMTPSenderRefused as error:
            return read_reply(error.code, error.message, of="sender")
        try:
            await smtp.rcpt(recipient, encoding=encoding)
        except SMTPRecipientRefused as error:
            return read_reply(error.code, error.message, of="recipient")
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
        ehlo_name=section.ehlo_name,
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
    if message.logo is not None:
        [_, page] = mail.iter_parts()
        cast(EmailMessage, page).add_related(message.logo, "image", "png", cid="<logo>")
    mail["Content-Language"] = message.language
    return mail


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
    if "." in name and name.isascii():
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
