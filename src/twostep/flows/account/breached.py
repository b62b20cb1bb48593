"""Whether a password stands in the operator's file of breached ones (ASVS 6.2.12). Nothing leaves.

The file has one SHA-1 digest a line, in hexadecimal, ordered, with or without `:COUNT` behind it: as the
downloaders of "Pwned Passwords" write it. It may have tens of gigabytes, so a line is found by halving.
"""

from __future__ import annotations

import hashlib
import os
from io import BufferedReader
from pathlib import Path

from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.password import as_received
from twostep.flows.env import Env


DIGEST_LETTERS = 40


def review_breached(env: Env, typed: str) -> Refused | None:
    """Refuse a breached password, where there is a file of them. Reads about forty short pieces.

    Refused: PASSWORD_BREACHED. Raises `OSError` when the file cannot be read any more.
    """
    path = env.settings.password.breached_list
    if path is None or not is_breached(path, typed):
        return None
    return Refused(Reason.PASSWORD_BREACHED)


def is_breached(path: Path, typed: str) -> bool:
    """Whether the password's digest stands in the ordered file."""
    wanted = hashlib.sha1(as_received(typed), usedforsecurity=False).hexdigest().upper().encode()
    with path.open("rb") as file:
        first, beyond = 0, os.fstat(file.fileno()).st_size
        while first < beyond:
            middle = (first + beyond) // 2
            found = _line_from(file, middle)
            if found == wanted:
                return True
            if found and found < wanted:
                first = file.tell()
            else:
                beyond = middle
    return False


def _line_from(file: BufferedReader, place: int) -> bytes:
    """The digest of the first line that begins at `place` or behind it; empty at the end."""
    file.seek(max(0, place - 1))
    if place:
        file.readline()  # up to the end of the line before, which may be the very last sign
    return file.readline()[:DIGEST_LETTERS].strip().upper()
