"""The secret in the form authenticator apps accept: the `otpauth` URI in the QR code, and the key.

The URI is limited to what all tested apps read (security.md): plain ASCII names, one colon, `%20`
for a space, no image, the default parameters. With a second colon FreeOTP refuses the URI and Aegis
loses the issuer, and 2FAS decodes the whole URI before parsing it.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b32encode
from hashlib import sha256
from urllib.parse import quote

from twostep.core.methods.totp import DEFAULT, Parameters


MAX_BYTES = 213
"""Capacity of a version 10 QR code at error correction M, still readable from a small screen."""

LABEL_BYTES = 64
"""Encoded bytes that the name of an entry may take, so that the issuer keeps its own."""

_FOREIGN = re.compile(r"[^A-Za-z0-9._@-]+")
# Names that look like one with a number or a tag of ours behind it.
_LIKE_OURS = re.compile(r"(?: \d+|-[A-Z2-7]{4})$")
# Letters that Unicode does not decompose, as their users write them in ASCII.
_SPELT_OUT = str.maketrans(
    {
        "ß": "ss",
        "ẞ": "SS",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "Ð": "D",
        "þ": "th",
        "Þ": "Th",
        "ı": "i",
    }
)


def entry_label(name: str, *, account_id: str, number: int = 1) -> str:
    """Return the name of an account's entry in an authenticator app: ASCII, and like no other.

    Several apps replace an entry that has the same issuer and name as a new one, some without
    asking. A user name that maps to ASCII as it is stays as it is; any other gets a short tag, made
    from the account's id. `number`: of the account's app; the second gets ` 2`, and so on.
    """
    count = f" {number}" if number > 1 else ""
    plain = _plain(name)
    if plain and plain == name and not _LIKE_OURS.search(plain) and _fits(plain + count):
        return plain + count
    suffix = f"-{account_tag(account_id)}{count}"
    shown = plain or "user"
    while not _fits(shown + suffix):
        shown = shown[:-1].rstrip()
    return shown + suffix


def account_tag(account_id: str) -> str:
    """Return four letters and digits that tell an account from others of similar names."""
    return b32encode(sha256(account_id.encode()).digest())[:4].decode()


def provisioning_uri(
    secret: bytes,
    *,
    label: str,
    issuer: str,
    host: str,
    parameters: Parameters = DEFAULT,
) -> str:
    """Return the URI for the QR code and the link: ASCII, at most `MAX_BYTES` bytes.

    `label`: from `entry_label`. `issuer` is any text; characters that do not map to
    `[A-Za-z0-9 ._@-]` become spaces, and a name with nothing left becomes `host`, the public host
    name without its port. An issuer that is too long is cut; the label and the secret never are.
    ValueError for parameters other than the default (common apps ignore them and show wrong codes),
    for a host that maps to nothing, and for a secret that leaves no room for names.
    """
    if parameters != DEFAULT:
        raise ValueError("apps get SHA-1, 6 digits and 30 seconds only")
    fallback = _plain(host)
    if not fallback:
        raise ValueError("host must hold an ASCII letter or digit")
    if not label or _plain(label) != label:
        raise ValueError("the label must come from entry_label")
    query = (
        f"&algorithm={DEFAULT.algorithm}&digits={DEFAULT.digits}&period={DEFAULT.period_seconds}"
    )
    encoded_label = _encoded(label)
    frame = f"otpauth://totp/:{encoded_label}?secret={encode_key(secret)}&issuer={query}"
    room = (MAX_BYTES - len(frame)) // 2
    if room < 1:
        raise ValueError("the secret is too long for a QR code")
    shown_issuer = _plain(issuer) or fallback
    while len(encoded_issuer := _encoded(shown_issuer)) > room:
        shown_issuer = shown_issuer[:-1].rstrip()
    return (
        f"otpauth://totp/{encoded_issuer}:{encoded_label}"
        f"?secret={encode_key(secret)}&issuer={encoded_issuer}{query}"
    )


def encode_key(secret: bytes) -> str:
    """Return `secret` in base32 (RFC 4648 §6) without padding, as apps accept it."""
    return b32encode(secret).decode().rstrip("=")


def _plain(name: str) -> str:
    """Map to `[A-Za-z0-9 ._@-]`: drop accents, and replace other scripts with spaces."""
    decomposed = unicodedata.normalize("NFKD", name[:MAX_BYTES].translate(_SPELT_OUT))
    letters = "".join(mark for mark in decomposed if not unicodedata.combining(mark))
    return _FOREIGN.sub(" ", letters).strip()


def _encoded(name: str) -> str:
    return quote(name, safe="@")


def _fits(label: str) -> bool:
    return len(_encoded(label)) <= LABEL_BYTES
