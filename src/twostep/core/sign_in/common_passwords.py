"""Common passwords, offline: our own list of words, and rules for what people make of them.

A list of whole passwords would be long and still miss `Passw0rd2031!`. Instead, `common_words.txt`
has the words that people build on (those that fill password dumps: first names, pets, teams,
seasons, love, faith, games, the word "password" in many languages), and this module has the paths
that fingers take over a keyboard. A password is common if it consists of nothing but

- one or two of the words, however often, with look-alikes (`p@ssw0rd`) or without;
- runs along a keyboard, the alphabet or the digits, forwards or backwards (`qweasdzxc`);
- one character in a row, a few characters over and over, or anything at least three times;
- a year;
- and up to four more digits or symbols anywhere.

This covers the usual passwords of eight characters and more, and their doubled forms of fifteen and
more, while a sentence of three unrelated words passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files


MAX_LENGTH = 72
"""Longer passwords are only checked for repetition."""
SPARE = 4
MAX_WORDS = 2
FEW_CHARACTERS = 3
SHORT_UNIT = 4
OFTEN = 3
MIN_RUN = 3

# Rows and columns of keyboards (US, German, French, Cyrillic), the number pad, the alphabet.
_ROWS = """
01234567890 qwertyuiop[] asdfghjkl; zxcvbnm,./ !@#$%^&*()_+ abcdefghijklmnopqrstuvwxyz
qwertzuiopü asdfghjklöä yxcvbnm azertyuiop qsdfghjklm wxcvbn йцукенгшщзхъ фывапролджэ ячсмитьбю
1qaz 2wsx 3edc 4rfv 5tgb 6yhn 7ujm 8ik, 1qay2wsx3edc 1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p
qazwsxedcrfvtgbyhnujmikolp !qaz@wsx#edc$rfv q1w2e3r4t5y6u7i8o9p0 1q2w3e4r5t6z7u8i9o0p
1q2w3e4r5t6y7u8i9o0p a1s2d3f4g5h6 z1x2c3v4b5 a1b2c3d4e5f6g7h8 1a2b3c4d5e6f7g8h
147258369 159753 789456123 741852963 13579 24680 112233445566778899 11223344 102030405060
aabbccddeeff 123321 1234554321 123454321 qweasdzxc 1234qwerasdfzxcv qwer1234 123qweasdzxc
13579246810 31415926535897932384626433 27182818284590 1123581321345589
"""
_PATHS = tuple(_ROWS.split())
_RUNS = _PATHS + tuple(path[::-1] for path in _PATHS)

_YEAR = re.compile(r"(?:19[3-9]|20[0-4])\d")
_SEPARATORS = str.maketrans("", "", " -_.")
_LEET = {"@": "a", "4": "a", "8": "b", "3": "e", "0": "o", "$": "s", "5": "s", "7": "t", "+": "t"}
_AS_I = str.maketrans(_LEET | {"1": "i", "!": "i"})
_AS_L = str.maketrans(_LEET | {"1": "l", "!": "i"})


@cache
def common_words() -> frozenset[str]:
    """Return the words that people build passwords on: lower case, without separators."""
    return frozenset(files(__package__).joinpath("common_words.txt").read_text("utf-8").split())


@cache
def _word_sizes() -> range:
    """Return the lengths that words may have, longest first."""
    sizes = {len(word) for word in common_words()}
    return range(max(sizes), min(sizes) - 1, -1)


def is_common(folded: str) -> bool:
    """Whether a case-folded password is common, as the module's docstring defines it."""
    if len(set(folded)) <= FEW_CHARACTERS or _is_repetition(folded):
        return True
    if len(folded) > MAX_LENGTH:
        return False
    return any(_Cover(text).reaches_the_end() for text in {folded, folded.translate(_SEPARATORS)})


def _is_repetition(folded: str) -> bool:
    """Whether a short unit fills all of it, or any unit fills it three times or more."""
    # A text's shortest period is where it first occurs again in its own doubling.
    unit = (folded + folded).find(folded, 1)
    if unit <= len(folded) // OFTEN:
        return True
    return any(
        folded == (folded[:size] * len(folded))[: len(folded)]
        for size in range(1, min(SHORT_UNIT, len(folded) // 2) + 1)
    )


class _Cover:
    """Tries to cover a text with words, runs, years and at most `SPARE` other characters."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._readings = tuple(dict.fromkeys((text, text.translate(_AS_I), text.translate(_AS_L))))
        # Dead ends are not tried again: "passpasspass…" can be split in very many ways.
        self._dead_ends: set[tuple[int, int, frozenset[str]]] = set()

    def reaches_the_end(
        self, start: int = 0, spare: int = SPARE, words: frozenset[str] = frozenset()
    ) -> bool:
        if start == len(self._text):
            return True
        position = (start, spare, words)
        if position in self._dead_ends:
            return False
        self._dead_ends.add(position)
        return any(self.reaches_the_end(*step) for step in self._steps(start, spare, words))

    def _steps(
        self, start: int, spare: int, words: frozenset[str]
    ) -> Iterator[tuple[int, int, frozenset[str]]]:
        for word in self._words_at(start):
            known = words | {word}
            if len(known) <= MAX_WORDS:
                yield start + len(word), spare, known
        length = max(_run_at(self._text, start), 4 if _YEAR.match(self._text, start) else 0)
        if length >= MIN_RUN:
            yield start + length, spare, words
        if spare and not self._text[start].isalpha():
            yield start + 1, spare - 1, words

    def _words_at(self, start: int) -> Iterator[str]:
        """Yield the words at `start` in any reading, longest first."""
        for size in _word_sizes():
            for reading in self._readings:
                if (word := reading[start : start + size]) in common_words() and len(word) == size:
                    yield word


def _run_at(text: str, start: int) -> int:
    """Return the length of the run at `start`: one repeated character, or a path of `_RUNS`."""
    same = len(text) - start - len(text[start:].lstrip(text[start]))
    along = MIN_RUN - 1
    while start + along < len(text) and any(
        text[start : start + along + 1] in run for run in _RUNS
    ):
        along += 1
    return max(same, along) if along >= MIN_RUN else same
