"""What the command line is given by the program's entry point; it may not reach for it itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol


if TYPE_CHECKING:
    from twostep.config import Settings
    from twostep.core.sealing import Keyring
    from twostep.flows.env import Env


class Serve(Protocol):
    """Runs the product until a stop signal."""

    def __call__(
        self,
        settings: Settings,
        *,
        host: str,
        port: int,
        tls: tuple[Path, Path] | None,
        ready: Callable[[], None],
    ) -> Coroutine[Any, Any, None]: ...


class Work(Protocol):
    """Sends messages beside servers until a stop signal."""

    def __call__(
        self, settings: Settings, *, ready: Callable[[], None]
    ) -> Coroutine[Any, Any, None]: ...


class RunDemo(Protocol):
    """Runs the demo until a stop signal; the exit code."""

    def __call__(
        self, *, port: int, data_dir: Path | None, sets: Sequence[str]
    ) -> Coroutine[Any, Any, int]: ...


@dataclass(frozen=True, slots=True)
class Wiring:
    """The product as verbs see it.

    `open_env`: store, keys and hash pool, without a worker: a server may run beside it.
    `clock`: Unix seconds.
    `upgrade`: brings the schema up to date. `database`: where it is, in words; `database_file`: the
    file it is in, None where it is in none.
    `stops`: kinds of exceptions whose text is for the operator; asked for only once one was raised.
    """

    clock: Callable[[], int]
    open_env: Callable[[Settings], AbstractAsyncContextManager[Env]]
    load_keyring: Callable[[Settings], Keyring]
    database: Callable[[Settings], str]
    database_file: Callable[[Settings], Path | None]
    upgrade: Callable[[Settings], None]
    serve: Serve
    worker: Work
    demo: RunDemo
    stops: Callable[[], tuple[type[Exception], ...]]
