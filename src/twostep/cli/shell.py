"""What every command uses: the settings, the product opened for one task, and printing."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from twostep.cli.failure import MISUSED, CommandFailed
from twostep.cli.wiring import Wiring


if TYPE_CHECKING:
    from twostep.config import Settings, SettingsReader
    from twostep.flows.turn import TurnOpener

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@dataclass(frozen=True, slots=True)
class Shell:
    """One run of the program. `config`: the file given with `--config`."""

    wiring: Wiring
    config: Path | None = None

    def config_path(self) -> Path | None:
        """The configuration file in use; None if there is none. Raises `ConfigError`."""
        from twostep.config import find_config

        return self.config or find_config()

    def load_settings(self) -> Settings:
        """Read the settings. Raises `ConfigError` or, if there are none at all, `CommandFailed`."""
        return self.read_settings().settings

    def read_settings(self) -> SettingsReader:
        """As `load_settings`, for servers, which read secrets again."""
        from twostep.config import read_settings

        path = self.config_path()
        if path is None and "TWOSTEP_PUBLIC_URL" not in os.environ:
            raise CommandFailed(
                "There is no configuration that you may read: neither /etc/twostep/twostep.toml nor"
                " ./twostep.toml. Run: twostep init (or name a file: twostep --config FILE …)",
                MISUSED,
            )
        return read_settings(path)

    def run(
        self,
        work: Callable[[TurnOpener], Awaitable[T]],
        settings: Settings | None = None,
        *,
        any_keys: bool = False,
    ) -> T:
        """Open the product, do one piece of work and close it. `any_keys`: as in `OpenEnv`."""
        from twostep.flows.turn import by_shell

        given = settings or self.load_settings()
        _log_to_stderr()

        async def act() -> T:
            async with self.wiring.open_env(given, any_keys=any_keys) as env:
                return await work(by_shell(env))

        return asyncio.run(act())


def _log_to_stderr() -> None:
    """Log warnings to standard error; standard output is for data."""
    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def shell_of(context: typer.Context) -> Shell:
    """The shell that the entry point stored in the context."""
    shell: Shell = context.obj
    return shell


def print_json(value: object) -> None:
    """Print one JSON document."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns with two spaces between them."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        print("  ".join(cells).rstrip())


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one pair per line."""
    pairs = list(facts)
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        print(f"{name.ljust(width)}  {value}".rstrip())


def print_note(text: str) -> None:
    """Print something that is not data to standard error."""
    print(text, file=sys.stderr)


def instant(at: int | None) -> str:
    """A readable instant in UTC; a dash for None."""
    return "–" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def read_password() -> str:
    """Read a password: prompt twice on a terminal, otherwise take the first line of standard input."""
    if sys.stdin.isatty():
        word: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return word
    try:
        return sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        raise CommandFailed("The password on standard input is not UTF-8.", MISUSED) from None
