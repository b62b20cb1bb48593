"""Passkeys: options for browsers, and parsing of their answers (WebAuthn level 3).

The cryptography is py_webauthn's and is in `passkey_response`, which is imported late: that takes a
tenth of a second, and most requests do not need it.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from twostep.core.methods.authenticator import Passkey
from twostep.core.methods.passkey_challenge import CHALLENGE_SECONDS
from twostep.core.refusal import Reason, Refused


ALGORITHMS = (-8, -7, -257)  # Ed25519, ES256, RS256, in order of preference
TIMEOUT_MILLISECONDS = CHALLENGE_SECONDS * 1000
HANDLE_BYTES = 64
LONGEST_CREDENTIAL_ID = 1023  # §4, Credential ID
LONGEST_ANSWER = 60_000
_TRANSPORTS = frozenset({"ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"})


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Who asks: the RP ID from the settings, never from a request, and the only origin we serve."""

    id: str
    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class PasskeyAnswer:
    """A browser's answer, parsed but not verified.

    `fields`: the credential's JSON; `client_data`: the JSON of its client data. `user_handle`: None
    if the authenticator does not say whose passkey it is.
    """

    fields: Mapping[str, Any]
    client_data: Mapping[str, Any]
    credential_id: bytes
    challenge: bytes
    user_handle: bytes | None
    transports: str


def refused(why: str) -> Refused:
    """Return the only refusal for passkeys. `why` is for the audit trail and never shown."""
    return Refused(Reason.PASSKEY_REFUSED, detail={"why": why})


def encode(value: bytes) -> str:
    """Encode as base64url without padding, as in WebAuthn's JSON."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(text: object) -> bytes:
    """Decode canonical base64url without padding; ValueError or TypeError for anything else."""
    if not isinstance(text, str):
        raise TypeError("not text")
    try:
        value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("not base64url") from None
    if encode(value) != text:
        raise ValueError("not base64url")
    return value


def new_handle() -> bytes:
    """Return 64 random bytes that identify an account to authenticators and reveal nothing."""
    return secrets.token_bytes(HANDLE_BYTES)


def read_answer(text: str) -> PasskeyAnswer | Refused:
    """Read the form field `credential`. Never raises, whatever was sent."""
    if len(text) > LONGEST_ANSWER:
        return refused("malformed")
    try:
        fields = json.loads(text)
        response = fields["response"]
        client_data = json.loads(decode(response["clientDataJSON"]))
        handle = response.get("userHandle")
        transports = response.get("transports") or ()
        return PasskeyAnswer(
            fields=fields,
            client_data={**client_data},
            credential_id=decode(fields["id"]),
            challenge=decode(client_data["challenge"]),
            user_handle=None if handle in {None, ""} else decode(handle),
            transports=" ".join(sorted(_TRANSPORTS.intersection(transports))),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return refused("malformed")


def refuse_client_data(
    answer: PasskeyAnswer, *, expected_type: str, expected_origin: str
) -> Refused | None:
    """Refuse what the library lets through, such as a cross-origin frame."""
    data = answer.client_data
    if data.get("type") != expected_type:
        return refused("type")
    if data.get("origin") != expected_origin:
        return refused("origin")
    if data.get("crossOrigin", False) is not False or "topOrigin" in data:
        return refused("cross_origin")
    if not 0 < len(answer.credential_id) <= LONGEST_CREDENTIAL_ID:
        return refused("credential_id")
    return None


def creation_options(
    party: RelyingParty,
    *,
    challenge: bytes,
    handle: bytes,
    user_name: str,
    existing: Iterable[Passkey],
) -> dict[str, object]:
    """Return the options for `navigator.credentials.create()`, as JSON (§5.4)."""
    return {
        "rp": {"id": party.id, "name": party.name},
        "user": {"id": encode(handle), "name": user_name, "displayName": user_name},
        "challenge": encode(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
        "timeout": TIMEOUT_MILLISECONDS,
        "excludeCredentials": _descriptors(existing),
        "authenticatorSelection": {
            "residentKey": "preferred",
            "requireResidentKey": False,
            "userVerification": "preferred",
        },
        "attestation": "none",
        "extensions": {"credProps": True},
    }


def request_options(
    party: RelyingParty, *, challenge: bytes, allowed: Iterable[Passkey], alone: bool
) -> dict[str, object]:
    """Return the options for `navigator.credentials.get()`, as JSON (§5.5).

    `alone`: for signing in with a passkey only. No account is known yet, and the user must be
    verified, because the passkey counts as both factors.
    """
    return {
        "challenge": encode(challenge),
        "timeout": TIMEOUT_MILLISECONDS,
        "rpId": party.id,
        "allowCredentials": _descriptors(allowed),
        "userVerification": "required" if alone else "preferred",
    }


def _descriptors(passkeys: Iterable[Passkey]) -> list[dict[str, object]]:
    return [
        {
            "type": "public-key",
            "id": encode(passkey.credential_id),
            **({"transports": passkey.transports.split()} if passkey.transports else {}),
        }
        for passkey in passkeys
    ]
