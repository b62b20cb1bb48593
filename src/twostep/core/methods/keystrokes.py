"""Clean-up of typed codes: spaces, dashes, invisible marks, and digits of other scripts."""

from __future__ import annotations

import re
import unicodedata


LONGEST = 200
"""Longest input that is normalised: nothing longer is a code, and normalising costs time."""

# Dashes, dots and bullets of any script, and invisible marks that come with a paste.
_DROPPED_CATEGORIES = frozenset({"Cf", "Pd", "Zs", "Zl", "Zp"})
_DROPPED = frozenset(".·•‧∙⋅。_−")
_SPACE = re.compile(r"\s+")


def compatible(text: str) -> str:
    """Return `text` in NFKC, but marks that only look like digits stay what they are.

    NFKC alone would read ², ① and ½ as figures that nobody typed.
    """
    return "".join(
        mark if mark.isnumeric() and not mark.isdecimal() else unicodedata.normalize("NFKC", mark)
        for mark in unicodedata.normalize("NFC", text)
    )


def squeeze(typed: str) -> str:
    """Return `typed` in NFKC without spaces, dashes, dots, invisible marks and a leading `#`.

    Decimal digits of any script become ASCII. Never raises. Text of more than `LONGEST` characters
    only loses its white space.
    """
    dense = _SPACE.sub("", typed)
    if len(dense) > LONGEST:
        return dense
    kept = [_digit(mark) for mark in compatible(dense) if not _is_dropped(mark)]
    return "".join(kept).removeprefix("#")


def _is_dropped(mark: str) -> bool:
    return mark in _DROPPED or mark.isspace() or unicodedata.category(mark) in _DROPPED_CATEGORIES


def _digit(mark: str) -> str:
    value = unicodedata.decimal(mark, None)
    return mark if value is None else str(value)
