"""What the entry point passes to the command line, which may not import it directly."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol


if TYPE_CHECKING:
    from twostep.config import Settings, SettingsReader
    from twostep.core.sealing import Keyring
    from twostep.flows.env import Env


class OpenEnv(Protocol):
    """Opens the product. `any_keys`: even if the keys are not the database's, only to say so."""

    def __call__(
        self, settings: Settings, *, any_keys: bool = False
    ) -> AbstractAsyncContextManager[Env]: ...


class Serve(Protocol):
    """Runs the product until a stop signal."""

    def __call__(
        self,
        reader: SettingsReader,
        *,
        host: str,
        port: int,
        tls: tuple[Path, Path] | None,
        ready: Callable[[], None],
    ) -> Coroutine[Any, Any, None]: ...


class Work(Protocol):
    """Sends messages alongside servers until a stop signal."""

    def __call__(
        self, reader: SettingsReader, *, ready: Callable[[], None]
    ) -> Coroutine[Any, Any, None]: ...


class RunDemo(Protocol):
    """Runs the demo until a stop signal; returns the exit code."""

    def __call__(
        self, *, port: int, data_dir: Path | None, sets: Sequence[str]
    ) -> Coroutine[Any, Any, int]: ...


@dataclass(frozen=True, slots=True)
class Wiring:
    """The product as commands see it.

    `open_env`: store, keys and hash pool, without a worker, because a server may be running.
    `clock`: Unix seconds.
    `upgrade`: brings the schema up to date. `database`: describes where it is; `database_file`: its
    file, None if it has none.
    `operator_errors`: exception types whose text is for the operator; `outages`: those that may pass
    by themselves. Called only once one was raised.
    """

    clock: Callable[[], int]
    open_env: OpenEnv
    load_keyring: Callable[[Settings], Keyring]
    database: Callable[[Settings], str]
    database_file: Callable[[Settings], Path | None]
    upgrade: Callable[[Settings], None]
    serve: Serve
    worker: Work
    demo: RunDemo
    operator_errors: Callable[[], tuple[type[Exception], ...]]
    outages: Callable[[], tuple[type[Exception], ...]]
