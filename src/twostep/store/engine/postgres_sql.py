"""The portable SQL in PostgreSQL's spelling: `:name` becomes `$1`, `$2`, …, once for each statement."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache


# Quoted text and `::` casts are stepped over, so that a colon in them survives.
_PIECE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|::|:([A-Za-z_]\w*)""")
_TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)", re.IGNORECASE)
# Tables that others refer to with ON DELETE CASCADE.
CASCADING = frozenset({"accounts", "phones", "recovery_sets", "sessions"})


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `names`: its parameters in the order of `$1`, `$2`, …

    `is_read`: it changes nothing. `tables`: what it reads or writes, so that a read announced before
    a write is known to be stale; None for a DELETE that reaches further tables by cascade.
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
    tables = frozenset(_TABLE.findall(sql))
    return Statement(
        text=_PIECE.sub(_numbering(names), sql),
        names=tuple(names),
        is_read=head == "SELECT",
        tables=None if head == "DELETE" and tables & CASCADING else tables,
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
