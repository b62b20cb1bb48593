"""What leaves the house: a text, a call or a mail, complete and ready to be handed over.

None of them shows its content or its recipient in `repr`: a message must never end up in a log.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from twostep.delivery.spoken import Script


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A text. `id`: the outbox row's; `to`: E.164; `expires_at`: Unix seconds, the code's end."""

    id: str
    to: str = field(repr=False)
    text: str = field(repr=False)
    code: str = field(repr=False)
    language: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class CallMessage:
    """A call. The provider is told `id` alone; the script is asked for while the call is on."""

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
        """The language of the script, which is also that of the voice."""
        return self.script.language

    @property
    def text(self) -> str:
        """The whole script, digits included."""
        return self.script.as_text()


@dataclass(frozen=True, slots=True)
class MailMessage:
    """A mail in plain text and HTML.

    `id`: the outbox row's, from which the Message-ID is made, so that a second delivery of the
    same mail is seen as one. `thread`: what mails of one conversation have in common, or None.
    `made_at`: Unix seconds.
    """

    id: str
    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    language: str
    made_at: int
    thread: str | None = None


Message = TextMessage | CallMessage | MailMessage
