"""Opaque bearer tokens: session cookies, mailed links, remembered browsers; and row ids.

The browser holds the token, the database its digest. A token has 256 random bits, so plain SHA-256
is enough: a slow hash would only protect values that can be guessed.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import uuid


TOKEN_BYTES = 32
ID_BYTES = 12
ID_RANDOM_BITS = 36
# Maps Base64's alphabet to the order of its bytes, which is how databases sort.
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_BY_BYTES = bytes.maketrans(_BASE64, bytes(sorted(_BASE64)))


def new_token() -> str:
    """Return 256 random bits in 43 URL-safe characters (ASVS 7.2.3 asks for 128)."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> bytes:
    """Return the SHA-256 digest (32 bytes) of any text, including forged or broken tokens."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def new_id() -> str:
    """Return a row id (not a secret): 16 URL-safe characters that sort after all earlier ids.

    This keeps rows of the same second in order. 60 bits are the time in units of 100 nanoseconds,
    which `uuid` never repeats; the random rest separates processes.
    """
    made_at = uuid.uuid1(node=0, clock_seq=0).time
    number = made_at << ID_RANDOM_BITS | secrets.randbits(ID_RANDOM_BITS)
    return base64.urlsafe_b64encode(number.to_bytes(ID_BYTES)).translate(_BY_BYTES).decode()
