"""Published vectors of WebAuthn level 3, sealed challenges, and names by AAGUID."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.support.authenticator import Authenticator, decode
from twostep.core.methods import passkey, passkey_challenge
from twostep.core.methods.authenticator import Passkey
from twostep.core.methods.passkey import (
    PasskeyAnswer,
    RelyingParty,
    creation_options,
    encode,
    read_answer,
)
from twostep.core.methods.passkey_challenge import (
    Ceremony,
    context_of,
    new_challenge,
    verify_challenge,
)
from twostep.core.methods.passkey_models import MODELS, suggest_name
from twostep.core.methods.passkey_response import (
    Asserted,
    Registered,
    verify_assertion,
    verify_registration,
)
from twostep.core.refusal import Refused
from twostep.core.sealing import Keyring, new_key


FOLDER = os.environ.get("TWOSTEP_SPECS", "")
FILE = Path(FOLDER) / "webauthn_vectors.json"
# Not asked for in our options, so no browser makes them.
UNSUPPORTED = {"packed-es384", "packed-es512", "packed-ed448"}
CROSS_ORIGIN = {"none-es256-crossOrigin", "none-es256-topOrigin"}
RING = Keyring((new_key(),))
CONTEXT = context_of(Ceremony.SECOND_STEP, account_id="a", session_id="s")
NOW = 1_764_000_000


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    if not FOLDER or not FILE.is_file():
        pytest.skip("TWOSTEP_SPECS names no folder with webauthn_vectors.json")
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return content


def _hex(text: str) -> str:
    return encode(bytes.fromhex(text))


def _answer(credential_id: str, parts: dict[str, str]) -> PasskeyAnswer:
    names = ("clientDataJSON", "attestationObject", "authenticatorData", "signature")
    fields = {
        "id": _hex(credential_id),
        "rawId": _hex(credential_id),
        "type": "public-key",
        "response": {name: _hex(parts[name]) for name in names if name in parts},
    }
    answer = read_answer(json.dumps(fields))
    assert isinstance(answer, PasskeyAnswer)
    return answer


def _registered(party: RelyingParty, made: dict[str, str]) -> Registered | Refused:
    answer = _answer(made["credential_id"], made)
    challenge = bytes.fromhex(made["challenge"])
    return verify_registration(answer, expected_challenge=challenge, expected_party=party)


def _passkey(made: Registered) -> Passkey:
    return Passkey(
        "p", "a", "", made.credential_id, made.public_key, 0, made.model, "", made.synced,
        made.backed_up, NOW, None, "",
    )  # fmt: skip


@pytest.mark.row("WAN-02")
def test_the_published_vectors(vectors: dict[str, Any]) -> None:
    party = RelyingParty(vectors["rp_id"], "x", vectors["origin"])
    accepted = set()
    for vector in vectors["vectors"]:
        made, used = vector["registration"], vector["authentication"]
        registered = _registered(party, made)
        if vector["id"] in UNSUPPORTED | CROSS_ORIGIN:
            assert isinstance(registered, Refused), vector["id"]
            continue
        assert isinstance(registered, Registered), vector["id"]
        # The vectors mix what a passkey says of itself; only that is taken from the second half.
        synced = bool(bytes.fromhex(used["authenticatorData"])[32] & 0x08)
        asserted = verify_assertion(
            _answer(made["credential_id"], used),
            expected_challenge=bytes.fromhex(used["challenge"]),
            expected_party=party,
            expected_handle=None,
            passkey=replace(_passkey(registered), synced=synced),
            must_verify_user=False,
        )
        assert isinstance(asserted, Asserted), vector["id"]
        accepted.add(vector["id"])
    assert len(accepted) == len(vectors["vectors"]) - len(UNSUPPORTED | CROSS_ORIGIN) == 10


@pytest.mark.row("WAN-02")
def test_vectors_used_across_origins_are_refused(vectors: dict[str, Any]) -> None:
    party = RelyingParty(vectors["rp_id"], "x", vectors["origin"])
    by_id = {vector["id"]: vector for vector in vectors["vectors"]}
    plain = _registered(party, by_id["none-es256"]["registration"])
    assert isinstance(plain, Registered)
    for name in CROSS_ORIGIN:
        vector = by_id[name]
        used = vector["authentication"]
        answer = _answer(vector["registration"]["credential_id"], used)
        passkey = replace(_passkey(plain), credential_id=answer.credential_id)
        verdict = verify_assertion(
            answer,
            expected_challenge=bytes.fromhex(used["challenge"]),
            expected_party=party,
            expected_handle=None,
            passkey=passkey,
            must_verify_user=False,
        )
        assert isinstance(verdict, Refused)
        assert verdict.detail == {"why": "cross_origin"}


def test_a_challenge_is_known_for_five_minutes_and_its_context_only() -> None:
    challenge = new_challenge(RING, context=CONTEXT, now=NOW)
    assert len(challenge) == 32
    assert verify_challenge(RING, challenge, context=CONTEXT, now=NOW)
    assert verify_challenge(RING, challenge, context=CONTEXT, now=NOW + 299)
    assert not verify_challenge(RING, challenge, context=CONTEXT, now=NOW + 300)
    # The clocks of two servers differ a little.
    assert verify_challenge(RING, challenge, context=CONTEXT, now=NOW - 30)
    assert not verify_challenge(RING, challenge, context=CONTEXT, now=NOW - 31)
    for other in (
        context_of(Ceremony.STEP_UP, account_id="a", session_id="s"),
        context_of(Ceremony.SECOND_STEP, account_id="a", session_id="t"),
        context_of(Ceremony.SECOND_STEP, account_id="b", session_id="s"),
        context_of(Ceremony.ALONE),
    ):
        assert not verify_challenge(RING, challenge, context=other, now=NOW)


def test_a_challenge_outlives_a_rotation_of_keys_but_not_its_key() -> None:
    challenge = new_challenge(RING, context=CONTEXT, now=NOW)
    rotated = Keyring((new_key(), *RING.keys))
    assert verify_challenge(rotated, challenge, context=CONTEXT, now=NOW)
    assert not verify_challenge(Keyring((new_key(),)), challenge, context=CONTEXT, now=NOW)


@given(st.integers(0, 31), st.integers(1, 255))
def test_a_bent_challenge_is_unknown(place: int, by: int) -> None:
    challenge = bytearray(new_challenge(RING, context=CONTEXT, now=NOW))
    challenge[place] ^= by
    assert not verify_challenge(RING, bytes(challenge), context=CONTEXT, now=NOW)


@given(st.binary(max_size=64))
def test_what_we_did_not_make_is_unknown(challenge: bytes) -> None:
    assert not verify_challenge(RING, challenge, context=CONTEXT, now=NOW)


def test_no_two_challenges_are_the_same() -> None:
    made = {new_challenge(RING, context=CONTEXT, now=NOW) for _ in range(1000)}
    assert len({passkey_challenge.challenge_digest(challenge) for challenge in made}) == 1000


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_no_text_makes_reading_fail(text: str) -> None:
    assert isinstance(read_answer(text), PasskeyAnswer | Refused)


@given(st.binary(max_size=200))
def test_no_attestation_makes_verifying_fail(data: bytes) -> None:
    party = RelyingParty("example.org", "x", "https://example.org")
    client = {"type": "webauthn.create", "challenge": encode(b"c"), "origin": party.origin}
    fields = {
        "id": "AAAA",
        "rawId": "AAAA",
        "type": "public-key",
        "response": {
            "clientDataJSON": encode(json.dumps(client).encode()),
            "attestationObject": encode(data),
        },
    }
    answer = read_answer(json.dumps(fields))
    assert isinstance(answer, PasskeyAnswer)
    verdict = verify_registration(answer, expected_challenge=b"c", expected_party=party)
    assert isinstance(verdict, Refused)


@dataclass
class Bent(Authenticator):
    """Shows another public key than the one it signs with."""

    shown: object = None

    @property
    def cose(self) -> Any:
        return self.shown


def _registered_with(shown: object) -> Registered | Refused:
    party = RelyingParty("example.org", "x", "https://example.org")
    options = creation_options(
        party, challenge=b"c" * 32, handle=b"h" * 64, user_name="a", existing=()
    )
    answer = read_answer(Bent(party.origin, shown=shown).create(options))
    assert isinstance(answer, PasskeyAnswer)
    return verify_registration(answer, expected_challenge=b"c" * 32, expected_party=party)


def _rsa(bits: int, algorithm: int = -257) -> dict[int, object]:
    modulus = (1 << bits) - 1  # odd and of that length: what is checked of it
    return {1: 3, 3: algorithm, -1: modulus.to_bytes(bits // 8, "big"), -2: b"\x01\x00\x01"}


def _p384() -> dict[int, object]:
    numbers = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    return {
        1: 2,
        3: -7,
        -1: 2,
        -2: numbers.x.to_bytes(48, "big"),
        -3: numbers.y.to_bytes(48, "big"),
    }


P256 = Authenticator("").cose


@pytest.mark.parametrize(
    "shown",
    [
        _rsa(1024), _rsa(8192), _rsa(2048, -7), _rsa(2048, -37), _p384(), P256 | {3: -257},
        P256 | {-3: True}, P256 | {-2: b"x" * 32}, P256 | {99: b"x" * 2000}, {1: 1, 3: -7, -1: 6, -2: b"x" * 32},
        {}, [], 4, b"\x04" * 65, None, P256 | {1: [1, {}]}, P256 | {3: {}}, P256 | {-2: 7},
    ],
)  # fmt: skip
def test_a_key_that_does_not_fit_its_algorithm_is_refused(shown: object) -> None:
    """§5.8.5: P-256 for ES256, Ed25519 for EdDSA; RSA neither weak nor so large that it is a burden."""
    assert isinstance(_registered_with(shown), Refused)


@pytest.mark.parametrize("bits", [2048, 4096])
def test_usual_rsa_keys_are_taken(bits: int) -> None:
    assert isinstance(_registered_with(_rsa(bits)), Registered)


HOSTILE_CBOR = [
    b"\x9b" + b"\xff" * 8, b"\xbb\x7f" + b"\xff" * 7, b"\x5b\x7f" + b"\xff" * 7, b"\x9a\xff\xff\xff\xff",
    b"\x81" * 40_000, b"\x9f" * 30_000, b"\xa1\x00" * 20_000, b"\xd8\x1c" * 20_000, b"\xd8\x1c\x81\xd8\x1d\x00",
    b"\xa2\x01\x02\x01\x02", b"\xc4\x82\x1a\x3b\x9a\xca\x00\x01", b"\xc5\x82\x1a\x3b\x9a\xca\x00\x03",
    b"\xd8\x1e\x82\x01\x00", b"\xc1\xfb\x7e" + b"7" * 7, b"\xd8\x23\x65(((((", b"\xc0\x61x", b"\xd8\x25\x41x", b"\xf7",
]  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE_CBOR)
def test_hostile_cbor_is_refused_wherever_it_stands(data: bytes) -> None:
    """Lengths that nothing follows, nesting without end, cycles, doubled keys, tags with a trap."""
    party = RelyingParty("example.org", "x", "https://example.org")
    head = b"\xa3\x63fmt\x64none\x67attStmt"
    key = Authenticator(party.origin)
    options = creation_options(
        party, challenge=b"c" * 32, handle=b"h" * 64, user_name="a", existing=()
    )
    made = json.loads(key.create(options))
    whole = cbor2.loads(decode(made["response"]["attestationObject"]))["authData"]
    cut = whole[: 37 + 16 + 2 + 32] + data  # instead of the public key
    for bent in (
        data,
        head + b"\xa0\x68authData" + data,
        head + data + b"\x68authData\x40",
        cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": cut}),
    ):
        fields = made | {"response": made["response"] | {"attestationObject": encode(bent)}}
        answer = read_answer(json.dumps(fields))
        if isinstance(answer, PasskeyAnswer):  # else it was longer than any answer
            verdict = verify_registration(
                answer, expected_challenge=b"c" * 32, expected_party=party
            )
            assert isinstance(verdict, Refused)


def test_what_an_authenticator_adds_of_itself_is_taken() -> None:
    """Extension data behind the key, such as credProtect, which browsers ask security keys for."""
    party = RelyingParty("example.org", "x", "https://example.org")
    options = creation_options(
        party, challenge=b"c" * 32, handle=b"h" * 64, user_name="a", existing=()
    )
    made = json.loads(Authenticator(party.origin).create(options))
    statement = cbor2.loads(decode(made["response"]["attestationObject"]))
    data = bytearray(statement["authData"] + cbor2.dumps({"credProtect": 2}))
    for flag, expected in ((0x80, Registered), (0, Refused)):
        data[32] |= flag
        bent = cbor2.dumps(statement | {"authData": bytes(data)})
        fields = made | {"response": made["response"] | {"attestationObject": encode(bent)}}
        answer = read_answer(json.dumps(fields))
        assert isinstance(answer, PasskeyAnswer)
        verdict = verify_registration(answer, expected_challenge=b"c" * 32, expected_party=party)
        assert isinstance(verdict, expected)
        data[32] &= 0x7F


@given(st.binary(max_size=100))
def test_base64url_is_read_in_one_form_only(value: bytes) -> None:
    text = encode(value)
    assert passkey.decode(text) == value
    with pytest.raises(ValueError, match="base64url"):
        passkey.decode(text + "=")


def test_names_by_aaguid() -> None:
    assert (
        suggest_name("fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "Safari on iPhone")
        == "iCloud Keychain"
    )
    assert (
        suggest_name("00000000-0000-0000-0000-000000000000", "Safari on iPhone")
        == "Safari on iPhone"
    )
    assert all(
        len(name) <= 60 and key == key.lower() and len(key) == 36 for key, name in MODELS.items()
    )
