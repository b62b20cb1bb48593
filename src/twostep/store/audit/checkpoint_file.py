"""The checkpoint file: every checkpoint a second time, outside the database, one JSON line each.

Lines are only ever appended. A line that was cut by a crash is followed by the same checkpoint whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from twostep.config.file_owner import hand_over
from twostep.core.audit.audit_checkpoint import Signed, read_checkpoint


BLOCK = 65_536


def append(path: Path, numbered: Iterable[tuple[int, Signed]], *, like: Path) -> None:
    """Append checkpoints and wait until they are on the disk. A new file that root makes gets the
    owner of `like`. Raises OSError."""
    made = not path.exists()
    descriptor = _open(path, like)
    with os.fdopen(descriptor, "rb+") as file:
        lines = [_line(seq, signed) for seq, signed in numbered]
        if not _ends_whole(file.fileno()):
            lines.insert(0, "\n")
        file.write("".join(lines).encode())
        file.flush()
        os.fsync(file.fileno())
    if made:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def last_number(path: Path) -> int:
    """The number of the last whole checkpoint in the file, 0 for none. Raises OSError."""
    for line in _lines_backwards(path):
        entry = read_line(line)
        if entry is not None:
            return entry[0]
    return 0


def review_writable(path: Path, *, like: Path) -> None:
    """Open the file as `append` would. Raises OSError."""
    os.close(_open(path, like))


def each(path: Path) -> Iterator[tuple[int, Signed] | str]:
    """Every checkpoint of the file; a text for a line that is none. Raises OSError."""
    torn = ""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            entry = read_line(line)
            if torn and not (entry and line.startswith(torn)):
                yield f"line {number - 1} is no checkpoint"
            torn = ""
            if entry is not None:
                yield entry
            elif line.strip():
                torn = line.rstrip("\n")
    if torn:
        yield "the last line is no checkpoint"


def read_line(line: str) -> tuple[int, Signed] | None:
    """One line as number and checkpoint; None where it is none."""
    try:
        entry = json.loads(line)
        signed = Signed(entry["body"], bytes.fromhex(entry["signature"]))
        return read_checkpoint(signed.body).seq, signed
    except (ValueError, KeyError, TypeError):
        return None


def _open(path: Path, like: Path) -> int:
    made = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    if made:
        hand_over(path, like=like)
    return descriptor


def _line(seq: int, signed: Signed) -> str:
    line = {"checkpoint": seq, "signature": signed.signature.hex(), "body": signed.body}
    return json.dumps(line) + "\n"


def _ends_whole(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _lines_backwards(path: Path) -> Iterator[str]:
    """The file's lines from the last to the first, read by blocks."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        position = file.seek(0, os.SEEK_END)
        rest = b""
        while position > 0:
            size = min(BLOCK, position)
            position -= size
            file.seek(position)
            parts = (file.read(size) + rest).split(b"\n")
            rest = parts[0]
            for part in reversed(parts[1:]):
                yield part.decode(errors="replace")
        yield rest.decode(errors="replace")
