"""The marks of a move from one database to another, written into both.

`moved`, in the database that is left: no program opens it any more, because it grows old from then
on, and a code that was used in the new one would work again here. `copying`, in the new one: how far
the copy has come, written in the transaction of the rows. No program opens that one either, until the
mark goes. Both carry the move's id, so that a copy goes on only where nothing happened in between.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from twostep.store import installation
from twostep.store.tx import Tx


MOVED = "moved"
COPYING = "copying"


class DatabaseMoved(Exception):
    """No program may use the database: it was left, or is not there in full yet."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A database that was left, or is being left. `to`: where, in words. `at`: when that began."""

    id: str
    to: str
    at: int

    def text(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Copying:
    """How far a copy has come: `rows` in all, up to the row of key `after` in `table`.

    `table`: empty where nothing was copied yet.
    """

    id: str
    table: str = ""
    after: tuple[str | int | bytes, ...] = ()
    rows: int = 0

    def text(self) -> str:
        """As it is stored."""
        after = [{"hex": key.hex()} if isinstance(key, bytes) else key for key in self.after]
        return json.dumps({**asdict(self), "after": after})


def read_moved(text: str | None) -> Moved | None:
    """Read `Moved`."""
    return None if text is None else Moved(**json.loads(text))


def read_copying(text: str | None) -> Copying | None:
    """Read `Copying`."""
    if text is None:
        return None
    mark: dict[str, Any] = json.loads(text)
    after = (bytes.fromhex(key["hex"]) if isinstance(key, dict) else key for key in mark["after"])
    return Copying(**{**mark, "after": tuple(after)})


def review(tx: Tx) -> None:
    """Raise `DatabaseMoved`, saying what to do, where there is a mark."""
    if (moved := read_moved(installation.load(tx, MOVED))) is not None:
        raise DatabaseMoved(
            f"It was moved to {moved.to}, or is being moved, and has grown old since: set"
            " database_url to that one. To use this one again all the same: twostep db reopen"
        )
    if installation.load(tx, COPYING) is not None:
        raise DatabaseMoved(
            "A copy into it has not ended. Run the same twostep db copy again, or set database_url"
            " to another."
        )
