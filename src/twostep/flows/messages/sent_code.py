"""Sent codes: sealed for their message, compared by keyed digest."""

from __future__ import annotations

from twostep.core import sealing
from twostep.core.methods.challenge import Challenge
from twostep.core.methods.out_of_band import Purpose
from twostep.flows.env import Env
from twostep.flows.unseal import mac_matches, unseal


def open_code(env: Env, challenge: Challenge) -> str:
    """The code of an open challenge in clear. Raises `SealBroken`."""
    return unseal(
        env,
        challenge.code or b"",
        purpose=CODE,
        row_id=challenge.id,
        account_id=challenge.account_id,
    ).decode()


CODE = "challenges.code"


def kind_of(purpose: Purpose) -> str:
    """The outbox kind of messages with a code for this purpose."""
    return f"code.{purpose}"


CHECK = "challenges.check"


def check_of(env: Env, challenge_id: str, code: str) -> bytes:
    """The keyed digest to compare an answer with; includes the key's id."""
    return sealing.mac(env.keyring, _check_data(challenge_id, code), purpose=CHECK)


def is_sent_code(env: Env, challenge: Challenge, code: str) -> bool:
    """Whether `code` is the one sent, in constant time. Raises `Unreadable`."""
    return mac_matches(
        env,
        _check_data(challenge.id, code),
        challenge.check_mac,
        purpose=CHECK,
        row_id=challenge.id,
        account_id=challenge.account_id,
    )


def _check_data(challenge_id: str, code: str) -> bytes:
    return f"{challenge_id}:{code}".encode()
