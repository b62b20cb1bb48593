"""Opaque bearer values: session cookies, mailed links, remembered browsers; and row ids.

The browser holds the token, the database its digest. A token has 256 random bits, so a plain
SHA-256 is enough; there is nothing to guess that a slow hash would protect.
"""

from __future__ import annotations

import hashlib
import secrets


TOKEN_BYTES = 32
ID_BYTES = 12


def new_token() -> str:
    """Return 256 random bits in 43 URL-safe characters (ASVS 7.2.3 asks for 128)."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest(token: str) -> bytes:
    """Return the SHA-256 digest (32 bytes) of any text, a forged or broken token too."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def new_id() -> str:
    """Return 96 random bits in 16 URL-safe characters: a row's name, not a secret."""
    return secrets.token_urlsafe(ID_BYTES)
