"""A passkey in software: makes and uses passkeys as a browser and its authenticator do, or as a forger.

Every field can be put wrong, so that each refusal of the product can be seen. Written from WebAuthn
level 3, §6.1 (authenticator data) and §5.8.1 (client data), with nothing of the product in it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa


PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


@dataclass
class Authenticator:
    """One authenticator with one passkey.

    `flags`: what it says of its user and itself at each use. `counts`: whether its counter rises.
    """

    origin: str
    algorithm: int = -7
    flags: int = PRESENT | VERIFIED
    counts: bool = True
    model: bytes = bytes(16)
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: bytes = b""
    count: int = 0

    def __post_init__(self) -> None:
        self.key: Any
        match self.algorithm:
            case -8:
                self.key = ed25519.Ed25519PrivateKey.generate()
            case -257:
                self.key = rsa.generate_private_key(65537, 2048)
            case _:
                self.key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: dict[str, Any], **changes: Any) -> str:
        """Make a passkey, as `navigator.credentials.create()` does; the JSON that a page sends."""
        self.handle = decode(options["user"]["id"])
        client = self._client("webauthn.create", options, changes)
        data = self._data(options["rp"]["id"], changes, attested=True)
        statement = changes.get("statement", {"fmt": "none", "attStmt": {}, "authData": data})
        response = {
            "clientDataJSON": encode(client),
            "attestationObject": encode(cbor2.dumps(statement)),
            "transports": ["internal", "hybrid"],
        }
        return self._answer(response, changes)

    def get(self, options: dict[str, Any], **changes: Any) -> str:
        """Use the passkey, as `navigator.credentials.get()` does; the JSON that a page sends."""
        client = self._client("webauthn.get", options, changes)
        data = self._data(options["rpId"], changes, attested=False)
        signed = data + hashlib.sha256(client).digest()
        handle = changes.get("handle", self.handle)
        response = {
            "clientDataJSON": encode(client),
            "authenticatorData": encode(data),
            "signature": encode(changes.get("signature") or self._sign(signed)),
            "userHandle": encode(handle) if handle else None,
        }
        return self._answer(response, changes)

    def _answer(self, response: dict[str, Any], changes: dict[str, Any]) -> str:
        shown = encode(changes.get("credential_id", self.credential_id))
        fields = {"id": shown, "rawId": shown, "type": "public-key", "response": response}
        return json.dumps(fields | changes.get("fields", {}))

    def _client(self, kind: str, options: dict[str, Any], changes: dict[str, Any]) -> bytes:
        client = {
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": False,
        }
        return json.dumps(client | changes.get("client", {})).encode()

    def _data(self, rp_id: str, changes: dict[str, Any], *, attested: bool) -> bytes:
        self.count += self.counts
        flags = changes.get("flags", self.flags) | (ATTESTED if attested else 0)
        data = hashlib.sha256(changes.get("rp_id", rp_id).encode()).digest()
        data += bytes((flags,)) + changes.get("count", self.count).to_bytes(4, "big")
        if attested:
            shown = changes.get("credential_id", self.credential_id)
            data += self.model + len(shown).to_bytes(2, "big") + shown + cbor2.dumps(self.cose)
        return bytes(data)

    def _sign(self, data: bytes) -> bytes:
        match self.algorithm:
            case -8:
                return bytes(self.key.sign(data))
            case -257:
                return bytes(self.key.sign(data, padding.PKCS1v15(), hashes.SHA256()))
            case _:
                return bytes(self.key.sign(data, ec.ECDSA(hashes.SHA256())))

    @property
    def cose(self) -> dict[int, Any]:
        """The public key as authenticators write it (RFC 9053)."""
        public = self.key.public_key()
        if self.algorithm == -8:
            return {1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()}
        numbers = public.public_numbers()
        if self.algorithm == -257:
            return {1: 3, 3: -257, -1: numbers.n.to_bytes(256, "big"), -2: b"\x01\x00\x01"}
        point = (numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big"))
        return {1: 2, 3: self.algorithm, -1: 1, -2: point[0], -3: point[1]}
