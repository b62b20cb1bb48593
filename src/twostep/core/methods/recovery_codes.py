"""Backup codes and the help desk's temporary code: printed, typed once, stored as digests.

Fifteen characters of Crockford's base32 are 75 bits (NIST 800-63B-4 §3.1.2.1 asks for 64), the
temporary code's eight are 40, valid for one hour under the same throttle. A set shares one random
salt, so a try costs one Argon2id hash however many codes are left.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from argon2.low_level import Type, hash_secret_raw

from twostep.core.methods.keystrokes import squeeze
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.password import Profile


ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODES_IN_SET = 10
CODE_LENGTH = 15
CODE_GROUP = 5
TEMPORARY_LENGTH = 8
TEMPORARY_GROUP = 4
SALT_BYTES = 16
DIGEST_BYTES = 32

_LOOK_ALIKES = str.maketrans("OIL", "011")
_CODE = re.compile(f"[{ALPHABET}]{{{CODE_LENGTH}}}")
_TEMPORARY_CODE = re.compile(f"(?=.*[A-Z])[{ALPHABET}]{{{TEMPORARY_LENGTH}}}")
# "3. K7QM2-…": a line copied from the numbered list.
_LIST_NUMBER = re.compile(r"\A\s*(?:10|[1-9])\s*[.):]\s")


@dataclass(frozen=True, slots=True)
class MatchedCode:
    """A correct, unused code. `code_id` is to be burnt."""

    code_id: str


def new_codes() -> tuple[str, ...]:
    """Return ten different codes without separators, in the order of their numbers."""
    codes: dict[str, None] = {}
    while len(codes) < CODES_IN_SET:
        codes[_random(CODE_LENGTH)] = None
    return tuple(codes)


def new_temporary_code() -> str:
    """Return eight characters with at least one letter, unlike any app's code."""
    while not _TEMPORARY_CODE.fullmatch(code := _random(TEMPORARY_LENGTH)):
        continue
    return code


def new_salt() -> bytes:
    """Return the random salt of one set (ASVS 6.5.2 asks for 32 bits; this has 128)."""
    return secrets.token_bytes(SALT_BYTES)


def format_code(code: str) -> str:
    """Return a backup code in groups of five, a temporary code in groups of four."""
    size = TEMPORARY_GROUP if len(code) == TEMPORARY_LENGTH else CODE_GROUP
    return "-".join(code[start : start + size] for start in range(0, len(code), size))


def normalise(typed: str) -> str | None:
    """Return the backup code that was meant, or None if it cannot be one.

    Accepts any case, spaces, dashes, full-width letters, digits of other scripts, O for 0, I and L
    for 1, and the number in front of the code in the list.
    """
    for text in (typed, _LIST_NUMBER.sub("", typed, count=1)):
        code = read_look_alikes(squeeze(text))
        if _CODE.fullmatch(code):
            return code
    return None


def normalise_temporary(typed: str) -> str | None:
    """Return the temporary code that was meant, or None if it cannot be one."""
    code = read_look_alikes(squeeze(typed))
    return code if _TEMPORARY_CODE.fullmatch(code) else None


def read_look_alikes(squeezed: str) -> str:
    """Return upper case, with O read as 0, and I and L as 1 (Crockford's decoding)."""
    return squeezed.upper().translate(_LOOK_ALIKES)


def digest(code: str, *, salt: bytes, profile: Profile) -> bytes:
    """Return the Argon2id digest (32 bytes) of a normalised code. Slow: run it in the pool.

    The set's row stores `salt` and `profile.parameters`; the digest has neither.
    """
    return hash_secret_raw(
        code.encode(),
        salt,
        time_cost=profile.passes,
        memory_cost=profile.memory_kib,
        parallelism=profile.lanes,
        hash_len=DIGEST_BYTES,
        type=Type.ID,
    )


def match(typed_digest: bytes, stored: Sequence[tuple[str, bytes, bool]]) -> MatchedCode | Refused:
    """Look for the digest of the input among `stored`: (id, digest, is used).

    All are compared, in constant time. Refused: `BACKUP_CODE_WRONG`, `BACKUP_CODE_USED`.
    """
    matches = [
        (code_id, is_used)
        for code_id, known_digest, is_used in stored
        if hmac.compare_digest(known_digest, typed_digest)
    ]
    unused = [code_id for code_id, is_used in matches if not is_used]
    if unused:
        return MatchedCode(code_id=unused[0])
    return Refused(Reason.BACKUP_CODE_USED if matches else Reason.BACKUP_CODE_WRONG)


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
