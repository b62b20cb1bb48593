"""What a `database_url` says: which engine, which file, and how it is shown."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit


def sqlite_path(url: str) -> Path | None:
    """The file of `sqlite:///PATH`, or of `sqlite:PATH`; None for another engine."""
    scheme, _, rest = url.partition(":")
    if scheme != "sqlite":
        return None
    path = rest.removeprefix("//")
    return Path(path.removeprefix("/")) if path.startswith("//") else Path(path)


def describe(url: str) -> str:
    """The database in words for the operator, without a password."""
    path = sqlite_path(url)
    if path is not None:
        return str(path)
    place = urlsplit(url)
    if not place.netloc:  # not an address: nobody knows where in it the password stands
        return "the database"
    return f"{place.path.lstrip('/')} on {place.netloc.rpartition('@')[2]}"


def file_identity(path: str) -> tuple[int, int]:
    """What tells the file from another of its name. Raises OSError."""
    status = os.stat(path)  # noqa: PTH116  before every read; half of it would be pathlib's
    return status.st_dev, status.st_ino
