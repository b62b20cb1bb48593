"""What a passkey costs: one answer verified, and the weight of the pages that ask for one."""

from __future__ import annotations

import gzip
import time
from importlib import resources

from tests.support.authenticator import Authenticator
from twostep.core.methods.authenticator import Passkey
from twostep.core.methods.passkey import (
    PasskeyAnswer,
    RelyingParty,
    creation_options,
    new_handle,
    read_answer,
    request_options,
)
from twostep.core.methods.passkey_challenge import (
    Ceremony,
    context_of,
    new_challenge,
    verify_challenge,
)
from twostep.core.methods.passkey_response import (
    Asserted,
    Registered,
    verify_assertion,
    verify_registration,
)
from twostep.core.sealing import Keyring, new_key


PARTY = RelyingParty("panel.example.com", "Panel", "https://panel.example.com")
RING = Keyring((new_key(),))
CONTEXT = context_of(Ceremony.SECOND_STEP, account_id="a", session_id="s")
NOW = 1_764_000_000


def assertions_a_second(algorithm: int, *, count: int = 2000) -> float:
    """Answers read, their challenge known again and their signature verified, on one core."""
    key, handle = Authenticator(PARTY.origin, algorithm), new_handle()
    options = creation_options(
        PARTY, challenge=b"c" * 32, handle=handle, user_name="alice", existing=()
    )
    made = read_answer(key.create(options))
    assert isinstance(made, PasskeyAnswer)
    new = verify_registration(made, expected_challenge=b"c" * 32, expected_party=PARTY)
    assert isinstance(new, Registered)
    passkey = Passkey(
        "p", "a", "", new.credential_id, new.public_key, 0, new.model, "", new.synced,
        new.backed_up, NOW, None, "",
    )  # fmt: skip
    challenge = new_challenge(RING, context=CONTEXT, now=NOW)
    typed = key.get(request_options(PARTY, challenge=challenge, allowed=(passkey,), alone=False))
    began = time.perf_counter()
    for _ in range(count):
        answer = read_answer(typed)
        assert isinstance(answer, PasskeyAnswer)
        assert verify_challenge(RING, answer.challenge, context=CONTEXT, now=NOW)
        verdict = verify_assertion(
            answer,
            expected_challenge=answer.challenge,
            expected_party=PARTY,
            expected_handle=handle,
            passkey=passkey,
            must_verify_user=False,
        )
        assert isinstance(verdict, Asserted)
    return count / (time.perf_counter() - began)


def script_bytes() -> int:
    """The page's script, compressed."""
    file = resources.files("twostep.web").joinpath("static", "passkey.js")
    return len(gzip.compress(file.read_bytes(), 9))
