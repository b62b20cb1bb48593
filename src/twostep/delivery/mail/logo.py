"""The panel's logo inside mails: never fetched from anywhere, so that opening a mail tells nobody."""

from __future__ import annotations

from pathlib import Path


MOST_BYTES = 64 * 1024
_PNG = b"\x89PNG\r\n\x1a\n"


def read_logo(path: Path | None) -> bytes | None:
    """The logo as a PNG; None if there is none, if it is larger than 64 KiB or cannot be read, or if it
    is an SVG, which mail programs do not show."""
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError:
        return None
    return content if content.startswith(_PNG) and len(content) <= MOST_BYTES else None
