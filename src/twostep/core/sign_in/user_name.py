"""User names: the allowed characters, and the key for uniqueness and look-ups."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from twostep.core.refusal import Reason, Refused


MAX_LENGTH = 64
_LONGEST_NORMALISED = 4 * MAX_LENGTH
# Controls, invisible marks, surrogates, private and unassigned characters, line ends.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class UserName:
    """`text`: as shown (NFKC); `key`: for look-ups."""

    text: str
    key: str


def read_user_name(typed: str) -> UserName | Refused:
    """Read a name for a new account: 1 to 64 characters, spaces only inside.

    `@` is refused, so that no name can be mistaken for an e-mail address. Refused:
    `USER_NAME_MALFORMED` with `problem`: `empty`, `long`, `at_sign` or `character`.
    """
    if len(typed) > _LONGEST_NORMALISED:
        return _malformed("long")
    # Refused before NFKC, which turns some of them into harmless-looking spaces.
    if any(unicodedata.category(mark) in _REFUSED_CATEGORIES for mark in typed.strip()):
        return _malformed("character")
    text = unicodedata.normalize("NFKC", typed).strip()
    if not text:
        return _malformed("empty")
    if len(text) > MAX_LENGTH:
        return _malformed("long")
    if "@" in text:
        return _malformed("at_sign")
    return UserName(text=text, key=user_name_key(text))


def user_name_key(typed: str) -> str:
    """Return the key of any text: caseless (Unicode §3.13, D146), stripped.

    Never raises. Text that is too long for a name keeps its length and so matches nobody.
    """
    if len(typed) > _LONGEST_NORMALISED:
        return typed.casefold()
    folded = unicodedata.normalize("NFKC", typed).casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def _malformed(problem: str) -> Refused:
    return Refused(Reason.USER_NAME_MALFORMED, detail={"problem": problem})
