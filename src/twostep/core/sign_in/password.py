"""Passwords: how they are hashed (Argon2id, RFC 9106) and which are refused.

NIST 800-63B-4 §3.1.1.2 and ASVS 6.2: length instead of rules about signs, no expiry, a list of
common passwords. Passwords are taken as received, in NFC, so that two keyboards agree on an "é".
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
"""A context word with up to so many characters around it is refused."""
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
        """The cost as text, to be kept beside a digest that does not carry it."""
        return f"m={self.memory_kib},t={self.passes},p={self.lanes}"


PROFILES = {
    profile.name: profile
    for profile in (
        # OWASP's password storage cheat sheet, second row
        Profile(name="default", memory_kib=19 * 1024, passes=2, lanes=1),
        # tests of flows only: some 30 µs
        Profile(name="test", memory_kib=8, passes=1, lanes=1),
    )
}


@dataclass(frozen=True, slots=True)
class PasswordCheck:
    """`needs_rehash`: right, and hashed under another profile than asked for."""

    ok: bool
    needs_rehash: bool


def profile_from(parameters: str) -> Profile:
    """Return the profile whose `parameters` these are. ValueError when it is none."""
    try:
        parts = dict(part.split("=", 1) for part in parameters.split(","))
        memory_kib, passes, lanes = (int(parts.pop(name)) for name in ("m", "t", "p"))
    except (KeyError, ValueError):
        raise ValueError(f"not Argon2id parameters: {parameters!r}") from None
    if parts or min(memory_kib, passes, lanes) < 1:
        raise ValueError(f"not Argon2id parameters: {parameters!r}")
    return Profile(name="stored", memory_kib=memory_kib, passes=passes, lanes=lanes)


def hash_password(password: str, *, profile: Profile) -> str:
    """Return the encoded Argon2id hash (PHC string). Slow: belongs in the pool."""
    return _hasher(profile).hash(as_received(password))


def verify_hash(stored: str, password: str, *, profile: Profile) -> PasswordCheck:
    """Compare `password` with an encoded hash; one hash, right or wrong. Slow.

    argon2's InvalidHashError (a ValueError) when `stored` is none: a broken row, never a user's.
    """
    hasher = _hasher(profile)
    try:
        hasher.verify(stored, as_received(password))
    except VerifyMismatchError:
        return PasswordCheck(ok=False, needs_rehash=False)
    return PasswordCheck(ok=True, needs_rehash=hasher.check_needs_rehash(stored))


@lru_cache(maxsize=8)
def dummy_hash(profile: Profile) -> str:
    """Return a hash that nothing matches: an unknown name then costs what a known one does.

    Made once per profile and process; call it at the start, not with the first unknown name.
    """
    return _hasher(profile).hash(secrets.token_bytes(32))


def review_password(
    password: str, *, two_step_on: bool, context_words: Iterable[str]
) -> Refused | None:
    """Say why `password` may not become an account's, or None when it may.

    `context_words`: user name, addresses' local parts, panel, organisation. Refused:
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
    """Whether it is long enough only beside two-step sign-in; counted as `review_password` does."""
    return len(_normal(password)) < MIN_LENGTH


def _is_word_and_little_else(folded: str, word: str) -> bool:
    """Tell whether the word, once or repeated, leaves at most `CONTEXT_EXTRA` characters."""
    spelt = _normal(word).casefold().strip()
    dense = spelt.translate(_SEPARATORS)
    extra = [len(folded.replace(spelt, ""))] if spelt and spelt in folded else []
    squeezed = folded.translate(_SEPARATORS)
    if dense and dense in squeezed:
        separators = len(folded) - len(squeezed)
        extra.append(len(squeezed.replace(dense, "")) + separators)
    return min(extra, default=CONTEXT_EXTRA + 1) <= CONTEXT_EXTRA


def as_received(password: str) -> bytes:
    """The bytes that are hashed: NFC in UTF-8, nothing trimmed."""
    return _normal(password).encode(errors="surrogatepass")


def _normal(text: str) -> str:
    """NFC; left alone where no password can be, because normalising long text is slow."""
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
