"""Signed callback URLs, for providers whose requests carry no signature.

The URL we give a provider ends in a keyed digest of its path, so any caller got it from us. The
path holds everything that matters (which message, which step); what the provider adds in the query
or body is only its report.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import parse_qs, quote, unquote, urlsplit

from twostep.delivery.port import Forged
from twostep.delivery.spoken import Step


SIGNATURE = "sig"


@dataclass(frozen=True, slots=True)
class Place:
    """What a genuine path says. `what`: status, call or inbound; `step`: of a running call."""

    what: str
    message_id: str
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class SignedPaths:
    """One provider's URLs: `public_url` + `base_path` + …, signed with `secret`."""

    public_url: str
    base_path: str
    secret: str = field(repr=False)

    def url(self, what: str, message_id: str, step: Step | None = None) -> str:
        """Return the URL to give to the provider."""
        path = "/".join(
            [self.base_path, what, quote(message_id, safe=""), *([step] if step else [])]
        )
        return f"{self.public_url}{path}?{SIGNATURE}={self._sign(path)}"

    def inbound_path(self) -> str:
        """Return the signed path for texts that people send back."""
        return self.url("inbound", "replies").removeprefix(self.public_url)

    def read(self, path: str) -> Place | Forged:
        """Verify a requested path with its query, as it arrived."""
        parts = urlsplit(path)
        given = parse_qs(parts.query).get(SIGNATURE, [""])[0]
        if not hmac.compare_digest(self._sign(parts.path).encode(), given.encode()):
            return Forged()
        what, message_id, *rest = [
            unquote(part) for part in parts.path.removeprefix(self.base_path + "/").split("/")
        ] + [""]
        step = rest[0] if rest else ""
        if not message_id or (step and step not in set(Step)):
            return Forged()
        return Place(what, message_id, Step(step) if step else None)

    def _sign(self, path: str) -> str:
        mac = hmac.new(self.secret.encode(), b"twostep callback\n" + path.encode(), sha256)
        return base64.urlsafe_b64encode(mac.digest()).decode().rstrip("=")
