"""The authenticator app on the fake phone: it keeps secrets in memory and shows their codes."""

from __future__ import annotations

import binascii
from base64 import b32decode
from dataclasses import dataclass, field
from typing import get_args
from urllib.parse import parse_qs, unquote, urlsplit

from twostep.core import token
from twostep.core.methods import totp
from twostep.core.methods.totp import Algorithm, Parameters


SLOW_SECONDS = 240
MOST_ENTRIES = 50
SHORTEST_SECRET = 10


class NoKey(Exception):
    """What was typed or scanned is neither a setup key nor an otpauth:// address."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One account in the app."""

    id: str
    issuer: str
    account: str
    secret: bytes = field(repr=False)
    parameters: Parameters = totp.DEFAULT

    def code(self, *, now: int) -> str:
        """The code at `now` by the phone's clock."""
        return totp.at(
            self.secret,
            now // self.parameters.period_seconds,
            algorithm=self.parameters.algorithm,
            digits=self.parameters.digits,
        )

    def seconds_left(self, *, now: int) -> int:
        """Seconds until the next code."""
        return self.parameters.period_seconds - now % self.parameters.period_seconds


class PhoneApps:
    """The app's entries, newest first, and whether the phone's clock is slow."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.is_slow = False

    def clear(self) -> None:
        """Empty the app and correct the phone's clock."""
        self.entries.clear()
        self.is_slow = False

    def now(self, now: int) -> int:
        """The time by the phone's clock."""
        return max(0, now - SLOW_SECONDS) if self.is_slow else now

    def add(self, entry: Entry) -> None:
        """Add an entry; an entry with the same secret is replaced."""
        others = [other for other in self.entries if other.secret != entry.secret]
        self.entries = [entry, *others][:MOST_ENTRIES]

    def remove(self, entry_id: str) -> bool:
        """Delete an entry. False: there is no such entry."""
        count = len(self.entries)
        self.entries = [entry for entry in self.entries if entry.id != entry_id]
        return len(self.entries) < count


def new_entry(issuer: str, account: str, secret: bytes) -> Entry:
    """An entry as made by scanning one of our QR codes."""
    return Entry(token.new_id(), issuer, account, secret)


def read_entry(typed: str, *, issuer: str) -> Entry:
    """Read a setup key in base32, or an otpauth:// address. Raises `NoKey`.

    `issuer`: used if the key names none.
    """
    typed = typed.strip()
    if not typed.lower().startswith("otpauth:"):
        return Entry(token.new_id(), issuer, "", _read_secret(typed))
    try:
        parts = urlsplit(typed)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        label = unquote(parts.path.lstrip("/"))
        prefix, colon, name = label.partition(":")
        algorithm = query.get("algorithm", "SHA1").upper()
        parameters = Parameters(
            algorithm=next(known for known in get_args(Algorithm) if known == algorithm),
            digits=int(query.get("digits", "6")),
            period_seconds=int(query.get("period", "30")),
        )
    except (ValueError, StopIteration):
        raise NoKey from None
    if parts.netloc.lower() != "totp":
        raise NoKey
    return Entry(
        token.new_id(),
        (query.get("issuer") or (prefix if colon else "") or issuer)[:100],
        (name if colon else label).strip()[:100],
        _read_secret(query.get("secret", "")),
        parameters,
    )


def _read_secret(key: str) -> bytes:
    letters = "".join(key.split()).replace("-", "").rstrip("=").upper()
    try:
        secret = b32decode(letters + "=" * (-len(letters) % 8))
    except (binascii.Error, ValueError):
        raise NoKey from None
    if not SHORTEST_SECRET <= len(secret) <= 128:
        raise NoKey
    return secret
