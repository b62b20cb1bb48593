"""The reference page of the command line, read from the tree of verbs itself."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import typer.main

from twostep.cli.app import NAME, root


RULES = (
    "`--config FILE` goes before the command; without it, `/etc/twostep/twostep.toml` is used, or else "
    "`./twostep.toml` if it belongs to you ([ownership](settings.md)). If the output is data, `--json` "
    "prints it as JSON. Every command has `--help`.\n\n"
    "**Exit codes:** 0 done, 1 refused or problems found, 2 wrong usage, configuration or rights, 75 an "
    "outage that may pass by itself, such as a database that is away. Standard error says what went wrong and what to do, one line each.\n\n"
    "You can use commands while the server runs.\n"
)


def list_commands() -> Iterator[tuple[str, Any]]:
    """Yield every verb with its whole name, as `twostep user add`, in the order of `--help`."""
    yield from _walk(NAME, typer.main.get_command(root))


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for word, inner in command.commands.items():
            yield from _walk(f"{name} {word}", inner)
    else:
        yield name, command


def rows(command: Any) -> Iterator[tuple[str, str]]:
    """Yield arguments and options with what they mean."""
    for parameter in command.params:
        if parameter.name == "help":
            continue
        if parameter.param_type_name == "argument":
            yield f"`{parameter.metavar or parameter.name.upper()}`", parameter.help or ""
            continue
        value = "" if parameter.is_flag else f" {parameter.metavar or 'VALUE'}"
        yield f"`{parameter.opts[0]}{value}`", f"{parameter.help} {_default(parameter)}".strip()


def _default(parameter: Any) -> str:
    if parameter.required:
        return "Required."
    default = parameter.default
    if parameter.is_flag or default in (None, ""):
        return ""
    return f"Default: `{default.value if isinstance(default, Enum) else default}`."
