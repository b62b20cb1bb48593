"""A transaction as flows see it, the same on every engine.

SQL is the subset that SQLite and PostgreSQL share, with `:name` parameters. Nothing above `store`
sees a connection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

from twostep.core.audit.audit_chain import Head
from twostep.core.audit.occurrence import Occurrence


P = ParamSpec("P")
T = TypeVar("T")

Row = tuple[Any, ...]

Engine = Literal["sqlite", "postgresql"]


class Tx(Protocol):
    """One open transaction.

    `heads`: audit chain heads of the accounts that this transaction has locked. `events`: what it
    appended to the trail, or counted for it. `engine`: for the few statements whose dialects differ.
    """

    engine: Engine
    heads: dict[str, Head]
    events: list[Occurrence]

    def run(self, sql: str, **values: object) -> int:
        """Execute; the number of rows changed."""

    def do(self, sql: str, **values: object) -> None:
        """Execute a write whose outcome nobody asks for; it may go out together with what follows,
        so its error may come later, at COMMIT at the latest."""

    def first(self, sql: str, **values: object) -> Row | None:
        """Execute; the first row, the rest is read and dropped."""

    def all(self, sql: str, **values: object) -> list[Row]:
        """Execute; every row."""

    def ahead(
        self, read: Callable[Concatenate[Tx, P], object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Announce a read that follows soon, so that it goes out with the next statement. A hint:
        the answer is the same without. `read` must bear finding nothing."""

    def at_end(self, key: str, last: Callable[[Tx, str], None]) -> None:
        """Call `last` once with `key` when the flow is done, before COMMIT. What it writes must not be
        read by the flow itself."""

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call back once COMMIT has returned; never when it failed."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """How busy a database is. `waiting`: flows and reads that nothing works on yet; `in_use`, `idle`:
    connections there are, `limit`: the most there will be."""

    waiting: int
    in_use: int
    idle: int
    limit: int


class Store(Protocol):
    """A database."""

    async def run(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run one flow in one durable transaction; raises `StoreUnavailable`."""

    async def read(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function that only reads, outside any transaction; raises `StoreUnavailable`."""

    async def read_aside(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`, for what takes long: the process goes on with other things meanwhile."""

    def schema_version(self) -> str | None:
        """The schema's version, None for an empty database. Blocks: for the start."""

    def read_now(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`, but blocks: where nothing is served yet, and in tests."""

    def pressure(self) -> Pressure:
        """How busy it is right now; asks no database."""

    def announce(self) -> None:
        """Tell the other processes, if there can be any, that messages are queued."""

    async def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever another process announces messages; returns where none can."""

    async def close(self) -> None:
        """Finish what is queued and close."""
