"""Look up a password in the operator's file of breached ones (ASVS 6.2.12). Nothing leaves the host.

Each line of the file is a SHA-1 digest in hexadecimal, sorted, with or without a `:COUNT` suffix, as
written by "Pwned Passwords" downloaders. It can be tens of gigabytes, hence the binary search.
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
    """Refuse a breached password, if there is a file of them. Takes about forty short reads.

    Refused: PASSWORD_BREACHED. Raises `OSError` if the file can no longer be read.
    """
    path = env.settings.password.breached_list
    if path is None or not is_breached(path, typed):
        return None
    return Refused(Reason.PASSWORD_BREACHED)


def is_breached(path: Path, typed: str) -> bool:
    """Whether the sorted file contains the password's digest."""
    wanted = hashlib.sha1(as_received(typed), usedforsecurity=False).hexdigest().upper().encode()
    with path.open("rb") as file:
        low, high = 0, os.fstat(file.fileno()).st_size
        while low < high:
            middle = (low + high) // 2
            line = _digest_from(file, middle)
            if line == wanted:
                return True
            if line and line < wanted:
                low = file.tell()
            else:
                high = middle
    return False


def _digest_from(file: BufferedReader, offset: int) -> bytes:
    """The digest on the first line that starts at `offset` or after it; empty at the end."""
    file.seek(max(0, offset - 1))
    if offset:
        file.readline()  # skip to the next line; `offset` may already be its start
    return file.readline()[:DIGEST_LETTERS].strip().upper()
