"""What a running server tells `twostep doctor`, and nobody else: how its request arrived, and with
which settings the server runs.

Doctor asks through `public_url`, so proxies and strangers see the talk. The question carries a MAC
under the key file, without which the page does not exist; so does the answer. Settings are compared by
MACs that hold for one question: neither a secret nor its digest is ever sent.
"""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import SecretStr

from twostep import __version__
from twostep.config import Settings
from twostep.core import sealing
from twostep.core.sealing import Keyring


PATH = "/doctor"
HEADER = "twostep-question"
QUESTION_SECONDS = 60
_QUESTION = "doctor.question"
_ANSWER = "doctor.answer"
_SETTING = "doctor.setting"
_SHOWN_BYTES = 10  # of a setting's MAC


@dataclass(frozen=True, slots=True)
class Arrival:
    """How the request reached the server. `peer`: who connected to it."""

    host: str
    peer: str
    is_trusted: bool
    forwarded_for: str


@dataclass(frozen=True, slots=True)
class Report:
    """The server's answer. `changed`: settings that differ from those that doctor read."""

    arrival: Arrival
    version: str
    changed: tuple[str, ...]


def new_question(ring: Keyring, *, now: int) -> str:
    """Make a question, which is good for a minute."""
    text = f"{secrets.token_hex(16)}.{now}"
    return f"{text}.{sealing.mac(ring, text.encode(), purpose=_QUESTION).hex()}"


def is_question(ring: Keyring, question: str, *, now: int) -> bool:
    """Whether it was made with our keys within the last minute."""
    text, _, mac = question.rpartition(".")
    at = text.rpartition(".")[2]
    try:
        stored = bytes.fromhex(mac)
    except ValueError:
        return False
    if not sealing.mac_matches(ring, text.encode(), stored, purpose=_QUESTION):
        return False
    return abs(now - int(at)) <= QUESTION_SECONDS


def write_answer(ring: Keyring, settings: Settings, question: str, arrival: Arrival) -> str:
    """Answer a question."""
    body = json.dumps(
        {
            "arrival": asdict(arrival),
            "version": __version__,
            "settings": _macs(ring, settings, question, key_id=ring.newest.id),
        }
    )
    mac = sealing.mac(ring, f"{question} {body}".encode(), purpose=_ANSWER)
    return json.dumps({"answer": body, "mac": mac.hex()})


def read_answer(ring: Keyring, settings: Settings, question: str, answer: bytes) -> Report | None:
    """Read an answer; None if it is not that of a server with our keys."""
    try:
        outer = json.loads(answer)
        body, mac = outer["answer"], bytes.fromhex(outer["mac"])
    except (ValueError, KeyError, TypeError):
        return None
    if not sealing.mac_matches(ring, f"{question} {body}".encode(), mac, purpose=_ANSWER):
        return None
    fields = json.loads(body)
    ours = _macs(ring, settings, question, key_id=sealing.key_id_of(mac))
    theirs = fields["settings"]
    changed = tuple(
        key
        for key in sorted(ours.keys() | theirs.keys())
        if not hmac.compare_digest(ours.get(key, ""), theirs.get(key, ""))
    )
    return Report(Arrival(**fields["arrival"]), fields["version"], changed)


def _macs(
    ring: Keyring, settings: Settings, question: str, *, key_id: str | None
) -> dict[str, str]:
    """A short MAC of each setting's value, by its dotted key."""
    values = _flatten(settings.model_dump(by_alias=True))
    return {
        key: sealing.mac(
            ring, f"{question} {key} {value}".encode(), purpose=_SETTING, key_id=key_id
        )[-_SHOWN_BYTES:].hex()
        for key, value in values.items()
    }


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in tree.items():
        key = prefix + name
        if isinstance(value, dict) and value:
            values |= _flatten(value, f"{key}.")
        else:
            is_secret = isinstance(value, SecretStr)
            values[key] = value.get_secret_value() if is_secret else str(value)
    return values
