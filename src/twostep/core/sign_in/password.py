"""Passwords: how they are hashed (Argon2id, RFC 9106) and which are refused.

NIST 800-63B-4 §3.1.1.2 and ASVS 6.2: length instead of composition rules, no expiry, a list of
common passwords. Passwords are used as received, but in NFC, so that two keyboards agree on an "é".
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.common_passwords import is_common


MIN_LENGTH = 15
MIN_LENGTH_WITH_TWO_STEP = 8
MAX_LENGTH = 1024
CONTEXT_EXTRA = 4
"""A context word plus up to this many other characters is refused."""
_LONGEST_NORMALISED = 4 * MAX_LENGTH
_SEPARATORS = str.maketrans("", "", " -_.")


@dataclass(frozen=True, slots=True)
class Profile:
    """The cost of one Argon2id hash."""

    name: str
    memory_kib: int
    passes: int
    lanes: int

    @property
    def parameters(self) -> str:
        """The cost as text, to store beside a digest that does not include it."""
        return f"m={self.memory_kib},t={self.passes},p={self.lanes}"


PROFILES = {
    profile.name: profile
    for profile in (
        # OWASP Password Storage Cheat Sheet, second configuration
        Profile(name="default", memory_kib=19 * 1024, passes=2, lanes=1),
        # for tests only: about 30 µs
        Profile(name="test", memory_kib=8, passes=1, lanes=1),
    )
}


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """`needs_rehash`: correct, but hashed with another profile than the current one."""

    ok: bool
    needs_rehash: bool


def profile_from(parameters: str) -> Profile:
    """Return the profile with these `parameters`. ValueError if they are malformed."""
    try:
        parts = dict(part.split("=", 1) for part in parameters.split(","))
        memory_kib, passes, lanes = (int(parts.pop(name)) for name in ("m", "t", "p"))
    except (KeyError, ValueError):
        raise ValueError(f"not Argon2id parameters: {parameters!r}") from None
    if parts or min(memory_kib, passes, lanes) < 1:
        raise ValueError(f"not Argon2id parameters: {parameters!r}")
    return Profile(name="stored", memory_kib=memory_kib, passes=passes, lanes=lanes)


def hash_password(password: str, *, profile: Profile) -> str:
    """Return the encoded Argon2id hash (PHC string). Slow: run it in the pool."""
    return _hasher(profile).hash(as_received(password))


def verify_hash(stored: str, password: str, *, profile: Profile) -> PasswordCheck:
    """Verify `password` against an encoded hash, computing one hash in any case. Slow.

    Raises argon2's InvalidHashError (a ValueError) if `stored` is malformed, which no user can
    cause.
    """
    hasher = _hasher(profile)
    try:
        hasher.verify(stored, as_received(password))
    except VerifyMismatchError:
        return PasswordCheck(ok=False, needs_rehash=False)
    return PasswordCheck(ok=True, needs_rehash=hasher.check_needs_rehash(stored))


@lru_cache(maxsize=8)
def dummy_hash(profile: Profile) -> str:
    """Return a hash that nothing matches, so that an unknown name takes as long as a known one.

    Computed once per profile and process; call it at start-up, before the first unknown name.
    """
    return _hasher(profile).hash(secrets.token_bytes(32))


def refuse_password(
    password: str, *, two_step_on: bool, context_words: Iterable[str]
) -> Refused | None:
    """Refuse `password` as a new password, or return None if it is acceptable.

    `context_words`: user name, local parts of addresses, panel, organisation. Refused:
    `PASSWORD_TOO_LONG` (`maximum`), `PASSWORD_TOO_SHORT` (`minimum`), `PASSWORD_CONTEXT`,
    `PASSWORD_COMMON`. Lengths are counted in characters (code points) after NFC.
    """
    normal = _normal(password)
    if len(normal) > MAX_LENGTH:
        return Refused(Reason.PASSWORD_TOO_LONG, detail={"maximum": MAX_LENGTH})
    minimum = MIN_LENGTH_WITH_TWO_STEP if two_step_on else MIN_LENGTH
    if len(normal) < minimum:
        return Refused(Reason.PASSWORD_TOO_SHORT, detail={"minimum": minimum})
    folded = normal.casefold()
    if any(_is_word_and_little_else(folded, word) for word in context_words):
        return Refused(Reason.PASSWORD_CONTEXT)
    if is_common(folded):
        return Refused(Reason.PASSWORD_COMMON)
    return None


def is_short(password: str) -> bool:
    """Whether it is only long enough with two-step sign-in, counted as in `refuse_password`."""
    return len(_normal(password)) < MIN_LENGTH


def _is_word_and_little_else(folded: str, word: str) -> bool:
    """Whether, without every occurrence of `word`, at most `CONTEXT_EXTRA` characters are left."""
    spelt = _normal(word).casefold().strip()
    dense = spelt.translate(_SEPARATORS)
    extra = [len(folded.replace(spelt, ""))] if spelt and spelt in folded else []
    squeezed = folded.translate(_SEPARATORS)
    if dense and dense in squeezed:
        separators = len(folded) - len(squeezed)
        extra.append(len(squeezed.replace(dense, "")) + separators)
    return min(extra, default=CONTEXT_EXTRA + 1) <= CONTEXT_EXTRA


def as_received(password: str) -> bytes:
    """Return the bytes to hash: NFC in UTF-8, nothing trimmed."""
    return _normal(password).encode(errors="surrogatepass")


def _normal(text: str) -> str:
    """Normalise to NFC, unless the text is too long for a password: long texts are slow."""
    if len(text) > _LONGEST_NORMALISED:
        return text
    return unicodedata.normalize("NFC", text)


@lru_cache(maxsize=8)
def _hasher(profile: Profile) -> PasswordHasher:
    return PasswordHasher(
        time_cost=profile.passes,
        memory_cost=profile.memory_kib,
        parallelism=profile.lanes,
        hash_len=32,
        salt_len=16,
        type=Type.ID,
    )
