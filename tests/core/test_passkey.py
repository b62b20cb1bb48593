"""Published vectors of WebAuthn level 3, sealed challenges, and names by AAGUID."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twostep.core import passkey, passkey_challenge
from twostep.core.authenticator import Passkey
from twostep.core.passkey import Answer, RelyingParty, encode, read_answer
from twostep.core.passkey_challenge import Ceremony, context_of, new_challenge, verify_challenge
from twostep.core.passkey_models import MODELS, suggest_name
from twostep.core.passkey_response import (
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
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def _hex(text: str) -> str:
    return encode(bytes.fromhex(text))


def _answer(credential_id: str, parts: dict[str, str]) -> Answer:
    names = ("clientDataJSON", "attestationObject", "authenticatorData", "signature")
    fields = {
        "id": _hex(credential_id),
        "rawId": _hex(credential_id),
        "type": "public-key",
        "response": {name: _hex(parts[name]) for name in names if name in parts},
    }
    answer = read_answer(json.dumps(fields))
    assert isinstance(answer, Answer)
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


def test_vectors_used_across_origins_are_refused(vectors: dict[str, Any]) -> None:
    party = RelyingParty(vectors["rp_id"], "x", vectors["origin"])
    by_id = {vector["id"]: vector for vector in vectors["vectors"]}
    plain = _registered(party, by_id["none-es256"]["registration"])
    assert isinstance(plain, Registered)
    for name in CROSS_ORIGIN:
        vector = by_id[name]
        used = vector["authentication"]
        answer = _answer(vector["registration"]["credential_id"], used)
        own = replace(_passkey(plain), credential_id=answer.credential_id)
        verdict = verify_assertion(
            answer,
            expected_challenge=bytes.fromhex(used["challenge"]),
            expected_party=party,
            expected_handle=None,
            passkey=own,
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
    assert not verify_challenge(RING, challenge, context=CONTEXT, now=NOW - 1)
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
    assert len({passkey_challenge.challenge_digest(one) for one in made}) == 1000


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_no_text_makes_reading_fail(text: str) -> None:
    assert isinstance(read_answer(text), Answer | Refused)


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
    assert isinstance(answer, Answer)
    verdict = verify_registration(answer, expected_challenge=b"c", expected_party=party)
    assert isinstance(verdict, Refused)


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
