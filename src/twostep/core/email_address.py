"""E-mail addresses: their syntax, and the key for uniqueness and look-ups.

Only a delivered mail proves an address, so the syntax check is short. Mail always goes to the
stored address, never to a typed one that merely has the same key.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from twostep.core.refusal import Reason, Refused


MAX_LENGTH = 254
MAX_LOCAL_LENGTH = 64
MAX_LABEL_LENGTH = 63
_PUNYCODE = "xn--"
# Dot-atom (RFC 5322 §3.2.3): no quoting, which real mailboxes do not need.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")


@dataclass(frozen=True, slots=True)
class TypedAddress:
    """`text`: as typed; `key`: for look-ups; `ascii`: as mail servers accept it."""

    text: str
    key: str
    ascii: str


def read_email_address(typed: str) -> TypedAddress | Refused:
    """Read an address: plain local part, domain with a dot, in any script (IDN).

    Refused: `EMAIL_MALFORMED`. At most 254 characters in ASCII form (RFC 5321 §4.5.3.1).
    """
    text = typed.strip()
    if len(text) > MAX_LENGTH:
        return Refused(Reason.EMAIL_MALFORMED)
    local, _, domain = text.rpartition("@")
    labels = [_to_ascii(label) for label in domain.split(".")]
    known = [label for label in labels if label is not None]
    if (
        len(local) > MAX_LOCAL_LENGTH
        or not _LOCAL.fullmatch(local)
        or len(known) != len(labels)
        or len(labels) < 2
        or known[-1].isdecimal()
    ):
        return Refused(Reason.EMAIL_MALFORMED)
    address = f"{local}@{'.'.join(known)}"
    if len(address) > MAX_LENGTH:
        return Refused(Reason.EMAIL_MALFORMED)
    return TypedAddress(text=text, key=address.lower(), ascii=address)


def email_key(typed: str) -> str:
    """Return the look-up key of any text. Never raises; text that is no address matches nothing."""
    address = read_email_address(typed)
    return typed.strip().lower() if isinstance(address, Refused) else address.key


def _to_ascii(label: str) -> str | None:
    """Return one label of a domain in ASCII form (RFC 5890), or None if malformed."""
    normal = unicodedata.normalize("NFKC", label).lower()
    if not normal or normal.startswith("-") or normal.endswith("-"):
        return None
    if not all(mark == "-" or unicodedata.category(mark)[0] in "LMN" for mark in normal):
        return None
    encoded = normal if normal.isascii() else _PUNYCODE + normal.encode("punycode").decode()
    return encoded if len(encoded) <= MAX_LABEL_LENGTH else None


def mask_address(address: str) -> str:
    """Return the address as logs show it: `a•••@example.com`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"
