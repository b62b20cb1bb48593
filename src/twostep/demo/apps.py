"""The authenticator app on the fake phone: it holds secrets in memory and shows their codes."""

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
    """What was typed or scanned is no setup key and no address of one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One account in the app."""

    id: str
    issuer: str
    account: str
    secret: bytes = field(repr=False)
    parameters: Parameters = totp.DEFAULT

    def code(self, *, now: int) -> str:
        """The code at that instant of the phone's clock."""
        return totp.at(
            self.secret,
            now // self.parameters.period_seconds,
            algorithm=self.parameters.algorithm,
            digits=self.parameters.digits,
        )

    def ends_in(self, *, now: int) -> int:
        """Seconds until the next code."""
        return self.parameters.period_seconds - now % self.parameters.period_seconds


class PhoneApps:
    """The app's entries, newest first, and whether the phone's clock is wrong."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.is_slow = False

    def clear(self) -> None:
        """Empty the app and put the phone's clock right."""
        self.entries.clear()
        self.is_slow = False

    def now(self, now: int) -> int:
        """What the phone takes for the time."""
        return max(0, now - SLOW_SECONDS) if self.is_slow else now

    def add(self, entry: Entry) -> None:
        """Take an entry; the same secret again replaces the old one."""
        others = [one for one in self.entries if one.secret != entry.secret]
        self.entries = [entry, *others][:MOST_ENTRIES]

    def remove(self, entry_id: str) -> bool:
        """Delete an entry. False: there is none."""
        before = len(self.entries)
        self.entries = [one for one in self.entries if one.id != entry_id]
        return len(self.entries) < before


def new_entry(issuer: str, account: str, secret: bytes) -> Entry:
    """An entry as a scanned QR code of ours makes it."""
    return Entry(token.new_id(), issuer, account, secret)


def read_entry(typed: str, *, issuer: str) -> Entry:
    """Read a setup key in base32, or an otpauth:// address. Raises `NoKey`.

    `issuer` names the entry where the key does not.
    """
    typed = typed.strip()
    if not typed.lower().startswith("otpauth:"):
        return Entry(token.new_id(), issuer, "", _read_secret(typed))
    try:
        parts = urlsplit(typed)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        label = unquote(parts.path.lstrip("/"))
        before, colon, after = label.partition(":")
        algorithm = query.get("algorithm", "SHA1").upper()
        parameters = Parameters(
            algorithm=next(one for one in get_args(Algorithm) if one == algorithm),
            digits=int(query.get("digits", "6")),
            period_seconds=int(query.get("period", "30")),
        )
    except (ValueError, StopIteration):
        raise NoKey from None
    if parts.netloc.lower() != "totp":
        raise NoKey
    return Entry(
        token.new_id(),
        (query.get("issuer") or (before if colon else "") or issuer)[:100],
        (after if colon else label).strip()[:100],
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
