"""Verifies registrations and assertions of passkeys (WebAuthn level 3, §7.1 and §7.2).

py_webauthn does the parsing and the signatures. This module adds the checks that it leaves to us:
cross-origin frames, over-long credential ids, changed backup eligibility, and another account's
user handle. No attestation is requested, so the attestation statement is ignored (§7.1, none).
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    encode_cbor,
    parse_cbor,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import CredentialDeviceType

from twostep.core.methods.authenticator import Passkey
from twostep.core.methods.passkey import (
    ALGORITHMS,
    LONGEST_CREDENTIAL_ID,
    PasskeyAnswer,
    RelyingParty,
    decode,
    encode,
    refuse_client_data,
    refused,
)
from twostep.core.refusal import Reason, Refused


LONGEST_KEY = 1024  # bytes of COSE; a 4096-bit RSA key takes about 530
RSA_BITS = range(2048, 4097)
# What the library raises for malformed or forged answers.
_BAD_ANSWER = (
    WebAuthnException,
    InvalidSignature,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


@dataclass(frozen=True, slots=True)
class Registered:
    """A verified new passkey. `model`: its AAGUID; `public_key`: COSE."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    model: str
    synced: bool
    backed_up: bool
    user_verified: bool


@dataclass(frozen=True, slots=True)
class Asserted:
    """A verified use of a passkey. `counted_back`: its counter did not rise: maybe a copy."""

    sign_count: int
    backed_up: bool
    user_verified: bool
    counted_back: bool


def verify_registration(
    answer: PasskeyAnswer, *, expected_challenge: bytes, expected_party: RelyingParty
) -> Registered | Refused:
    """Verify a new passkey. Refused: PASSKEY_REFUSED for every reason."""
    refusal = refuse_client_data(
        answer, expected_type="webauthn.create", expected_origin=expected_party.origin
    )
    if refusal:
        return refusal
    try:
        verified = verify_registration_response(
            credential=_without_attestation(answer),
            expected_challenge=expected_challenge,
            expected_rp_id=expected_party.id,
            expected_origin=expected_party.origin,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(number) for number in ALGORITHMS],
        )
        sound = _is_sound(verified.credential_public_key)
    except _BAD_ANSWER:
        return refused("registration")
    if not sound:
        return refused("key")
    if verified.credential_id != answer.credential_id:
        return refused("credential_id")
    return Registered(
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        model=verified.aaguid,
        synced=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        backed_up=verified.credential_backed_up,
        user_verified=verified.user_verified,
    )


def verify_assertion(
    answer: PasskeyAnswer,
    *,
    expected_challenge: bytes,
    expected_party: RelyingParty,
    expected_handle: bytes | None,
    passkey: Passkey,
    must_verify_user: bool,
) -> Asserted | Refused:
    """Verify that a passkey was used. Refused: PASSKEY_CHANGED, and PASSKEY_REFUSED for every other
    reason.

    `expected_handle`: of the passkey's account. An answer with another handle is refused; one
    without a handle is refused if the user must be verified (§7.2, step 6).
    """
    refusal = refuse_client_data(
        answer, expected_type="webauthn.get", expected_origin=expected_party.origin
    )
    if refusal:
        return refusal
    if answer.credential_id != passkey.credential_id:
        return refused("credential_id")
    if answer.user_handle != expected_handle and (must_verify_user or answer.user_handle):
        return refused("user_handle")
    verified = _verify_signature(answer, expected_challenge, expected_party, passkey)
    if isinstance(verified, Refused):
        return verified
    synced = verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE
    if synced is not passkey.synced:
        # §7.2, step 21: it may be another key. Signed with the right one all the same.
        return Refused(Reason.PASSKEY_CHANGED, detail={"why": "backup_eligibility"})
    if must_verify_user and not verified.user_verified:
        return refused("user_not_verified")
    shown = verified.new_sign_count
    return Asserted(
        sign_count=shown,
        backed_up=verified.credential_backed_up,
        user_verified=verified.user_verified,
        counted_back=(shown > 0 or passkey.sign_count > 0) and shown <= passkey.sign_count,
    )


def _verify_signature(
    answer: PasskeyAnswer, expected_challenge: bytes, expected_party: RelyingParty, passkey: Passkey
) -> VerifiedAuthentication | Refused:
    try:
        return verify_authentication_response(
            credential={**answer.fields},
            expected_challenge=expected_challenge,
            expected_rp_id=expected_party.id,
            expected_origin=expected_party.origin,
            credential_public_key=passkey.public_key,
            # The counter is only a signal: `verify_assertion` compares it.
            credential_current_sign_count=0,
        )
    except _BAD_ANSWER:
        return refused("assertion")


def _is_sound(public_key: bytes) -> bool:
    """Whether a key fits its algorithm (§5.8.5) and is neither weak nor huge.

    Raises what the library raises for malformed keys, which could never sign anybody in.
    """
    decoded = decode_credential_public_key(public_key)
    key = decoded_public_key_to_cryptography(decoded)
    match key:
        case Ed25519PublicKey():
            fits = decoded.alg == COSEAlgorithmIdentifier.EDDSA
        case EllipticCurvePublicKey(curve=SECP256R1()):
            fits = decoded.alg == COSEAlgorithmIdentifier.ECDSA_SHA_256
        case RSAPublicKey():
            fits = (
                decoded.alg == COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256
                and key.key_size in RSA_BITS
            )
        case _:
            fits = False
    return fits and len(public_key) <= LONGEST_KEY


def _without_attestation(answer: PasskeyAnswer) -> dict[str, object]:
    """Return the answer with an empty attestation statement, since none was requested."""
    response = answer.fields["response"]
    statement = parse_cbor(decode(response["attestationObject"]))
    data = statement["authData"]
    if len(data) > 55 and int.from_bytes(data[53:55], "big") > LONGEST_CREDENTIAL_ID:
        raise ValueError("the credential id is too long")
    bare = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
    fields = {"clientDataJSON": response["clientDataJSON"], "attestationObject": encode(bare)}
    return {**answer.fields, "response": fields}
