"""The portable SQL in PostgreSQL's spelling: `:name` becomes `$1`, `$2`, …, once for each statement."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache


# Quoted text and `::` casts are stepped over, so that a colon in them survives.
_PIECE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|::|:([A-Za-z_]\w*)""")
_TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `names`: its parameters in the order of `$1`, `$2`, …

    `is_read`: it changes nothing. `tables`: what it reads or writes, as far as a read announced
    beforehand could be stale afterwards; None for a DELETE, which may reach any table by cascade.
    """

    text: str
    names: tuple[str, ...]
    is_read: bool
    tables: frozenset[str] | None


@lru_cache(maxsize=1024)
def statement(sql: str) -> Statement:
    """Rewrite `sql`. The same name is the same `$n`."""
    names: list[str] = []
    head = sql.lstrip().partition(" ")[0].upper()
    return Statement(
        text=_PIECE.sub(_numbering(names), sql),
        names=tuple(names),
        is_read=head == "SELECT",
        tables=None if head == "DELETE" else frozenset(_TABLE.findall(sql)),
    )


def _numbering(names: list[str]) -> Callable[[re.Match[str]], str]:
    def number(piece: re.Match[str]) -> str:
        name = piece.group(1)
        if name is None:
            return piece.group()
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return number
