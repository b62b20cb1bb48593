"""Outgoing messages: a text, a call or a mail, complete and ready to be sent.

None shows its content or recipient in its `repr`: a message must never end up in a log.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from twostep.delivery.spoken import Script


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A text. `id`: of the outbox row; `to`: E.164; `expires_at`: of the code, Unix seconds."""

    id: str
    to: str = field(repr=False)
    text: str = field(repr=False)
    code: str = field(repr=False)
    language: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class CallMessage:
    """A call. The provider gets only `id`; it asks for the script while the call is in progress."""

    id: str
    to: str = field(repr=False)
    script: Script = field(repr=False)
    expires_at: int

    @property
    def code(self) -> str:
        """The code the script reads."""
        return self.script.code

    @property
    def language(self) -> str:
        """The language of the script and of the voice."""
        return self.script.language

    @property
    def text(self) -> str:
        """The whole script, digits included."""
        return self.script.as_text()


@dataclass(frozen=True, slots=True)
class MailMessage:
    """A mail in plain text and HTML.

    `id`: of the outbox row. The Message-ID is made from it, so that mail programs recognise a
    second delivery of the same mail. `thread`: shared by the mails of one conversation, or None.
    `made_at`: Unix seconds. `logo`: a PNG that the HTML shows as `cid:logo`.
    """

    id: str
    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    language: str
    made_at: int
    thread: str | None = None
    logo: bytes | None = field(default=None, repr=False)


Message = TextMessage | CallMessage | MailMessage
