"""The secret in the form authenticator apps accept: the `otpauth` URI in the QR code, and the key.

The URI is limited to what all tested apps read (security.md): plain ASCII names, one colon, `%20`
for a space, no image, the default parameters. With a second colon FreeOTP refuses the URI and Aegis
loses the issuer, and 2FAS decodes the whole URI before parsing it.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b32encode
from urllib.parse import quote

from twostep.core.methods.totp import DEFAULT, Parameters


MAX_BYTES = 213
"""Capacity of a version 10 QR code at error correction M, still readable from a small screen."""
ISSUER_KEEPS = 25
"""Encoded bytes that the issuer keeps, however long the account's name is."""

_FOREIGN = re.compile(r"[^A-Za-z0-9._@-]+")
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


def provisioning_uri(
    secret: bytes,
    *,
    account: str,
    issuer: str,
    host: str,
    parameters: Parameters = DEFAULT,
) -> str:
    """Return the URI for the QR code and the link: ASCII, at most `MAX_BYTES` bytes.

    `account` and `issuer` are any text; characters that do not map to `[A-Za-z0-9 ._@-]` become
    spaces, and a name with nothing left becomes `host`, the public host name without its port.
    Names that are too long are cut, the issuer first because it occurs twice; the secret never is.
    ValueError for parameters other than the default (common apps ignore them and show wrong codes),
    for a host that maps to nothing, and for a secret that leaves no room for names.
    """
    if parameters != DEFAULT:
        raise ValueError("apps get SHA-1, 6 digits and 30 seconds only")
    fallback = _plain(host)
    if not fallback:
        raise ValueError("host must hold an ASCII letter or digit")
    query = (
        f"&algorithm={DEFAULT.algorithm}&digits={DEFAULT.digits}&period={DEFAULT.period_seconds}"
    )
    frame = f"otpauth://totp/:?secret={encode_key(secret)}&issuer={query}"
    room = MAX_BYTES - len(frame)
    if room < 3:
        raise ValueError("the secret is too long for a QR code")
    shown_account = _plain(account) or fallback
    shown_issuer = _plain(issuer) or fallback
    issuer_room = max(ISSUER_KEEPS, (room - len(quote(shown_account, safe="@"))) // 2)
    encoded_issuer = _cut(shown_issuer, min(issuer_room, (room - 1) // 2))
    encoded_account = _cut(shown_account, room - 2 * len(encoded_issuer))
    return (
        f"otpauth://totp/{encoded_issuer}:{encoded_account}"
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


def _cut(name: str, room: int) -> str:
    """Return `name` percent-encoded, cut to at most `room` bytes without breaking an escape."""
    while len(encoded := quote(name, safe="@")) > room:
        name = name[:-1].rstrip()
    return encoded
