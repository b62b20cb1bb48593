"""What a mail server's reply means: whose fault a refusal is, and what to do with the mail.

Servers answer for the address, for the sender and for themselves at the same place in the
conversation (Postfix says all of it at RCPT), so the place says little. The enhanced status code
(RFC 3463) says most, the reply code (RFC 5321 section 4.2) some, and the words the rest. Only an
address that does not exist loses its mail; in doubt the operator is asked, and the mail waits.
"""

from __future__ import annotations

import re
from typing import Literal

from twostep.delivery.port import (
    Accepted,
    Failure,
    Misconfigured,
    Permanent,
    SendOutcome,
    Temporary,
    redact,
)


Subject = Literal["sender", "recipient", "mail"]

_ENHANCED = re.compile(r"\s*[245]\.(\d{1,3})\.(\d{1,3})\b\s*")
# Classes X.1 and X.2 are about the recipient, except what is said of the sender's own address.
_OF_THE_SENDER = frozenset({(1, 7), (1, 8)})
# No route to the recipient's domain; Exchange Online says the first of an unknown recipient.
_NO_SUCH_PLACE = frozenset({(4, 1), (4, 4), (4, 310), (4, 312), (6, 7)})
_GREYLISTED = re.compile(r"gr[ae]y-?list", re.IGNORECASE)
_ADDRESS_CODES = frozenset({501, 550, 551, 552, 553, 556})
_WORDS_FOR_THE_OPERATOR = re.compile(
    r"relay|authenti|log ?in|sender|helo|ehlo|\bspf\b|dkim|dmarc|limit|\brate\b|sending quota"
    r"|spam|blocked|black ?list|block ?list|policy|not allowed|denied|permi",
    re.IGNORECASE,
)


def read_reply(code: int, reply: str, *, of: Subject) -> SendOutcome:
    """Map a reply to an outcome. `of`: what the server had just been given."""
    if 200 <= code < 300:
        return Accepted(provider_id=redact(reply, limit=80))
    enhanced = _ENHANCED.match(reply)
    status = (int(enhanced[1]), int(enhanced[2])) if enhanced else (0, 0)
    words = redact(reply[enhanced.end() :] if enhanced else reply)
    number = f"{code} {enhanced[0].strip()}" if enhanced else str(code)
    detail = f"SMTP {number} for the {of}: {words}"
    if code < 500:
        later = of == "recipient" and (status[0] in {1, 2} or _GREYLISTED.search(words) is not None)
        return Temporary(detail, is_about_recipient=later)
    if of != "sender" and _is_about_address(code, status, words, of=of):
        return Permanent(Failure.UNUSABLE, detail)
    if of == "mail" and status[0] == 6:
        return Permanent(Failure.REFUSED, detail)
    return Misconfigured(detail)


def _is_about_address(code: int, status: tuple[int, int], words: str, *, of: Subject) -> bool:
    """Whether a refusal says that the recipient's address cannot be used."""
    subject = status[0]
    if subject in {1, 2}:
        return status not in _OF_THE_SENDER
    if subject:
        return status in _NO_SUCH_PLACE
    return (
        of == "recipient"
        and code in _ADDRESS_CODES
        and _WORDS_FOR_THE_OPERATOR.search(words) is None
    )
