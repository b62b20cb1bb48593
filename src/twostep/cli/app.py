"""The tree of commands, and the only place that turns errors into a line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from twostep import __version__
from twostep.cli import audit_accept, audit_export, audit_verify, keys_rotate, running, views
from twostep.cli.database import database
from twostep.cli.delivery import delivery
from twostep.cli.doctor import run as doctor
from twostep.cli.failure import MISUSED, REFUSED, UNAVAILABLE, CommandFailed, say_closed
from twostep.cli.install import init
from twostep.cli.people import help_desk
from twostep.cli.people.accounts import users
from twostep.cli.shell import Shell, print_note, shell_of
from twostep.cli.wiring import Wiring
from twostep.core.outage import DatabaseMisconfigured


NAME = "twostep"

root = typer.Typer(
    help="Two-step sign-in for any control panel.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
root.command("demo")(running.demo)
root.command("init")(init.init)
root.command("serve")(running.serve)
root.command("worker")(running.worker)
root.command("doctor")(doctor.doctor)
users.command("disable")(help_desk.disable)
users.command("enable")(help_desk.enable)
users.command("sessions-end")(help_desk.sessions_end)
users.command("reset-mfa")(help_desk.reset_mfa)
users.command("temporary-code")(help_desk.temporary_code)
users.command("password-link")(help_desk.password_link)
views.keys.command("list")(keys_rotate.list_keys)
views.keys.command("rotate")(keys_rotate.rotate)
views.keys.command("remove")(keys_rotate.remove)
views.audit.command("accept")(audit_accept.accept)
views.audit.command("export")(audit_export.export)
views.audit.command("verify")(audit_verify.verify)
root.add_typer(database, name="db")
root.add_typer(users, name="user")
root.add_typer(views.keys, name="keys")
root.add_typer(views.policy, name="policy")
root.add_typer(delivery, name="delivery")
root.add_typer(views.audit, name="audit")


def _print_version(wanted: bool) -> None:  # noqa: FBT001  Typer passes it by position
    if wanted:
        print(f"{NAME} {__version__}")
        raise typer.Exit


@root.callback()
def options(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Default: /etc/twostep/twostep.toml, otherwise your own ./twostep.toml.",
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    """Two-step sign-in for any control panel."""
    del version  # printed by its callback
    context.obj = replace(shell_of(context), config=config)


def run(arguments: Sequence[str], wiring: Wiring) -> int:
    """Run one command; returns the exit code."""
    try:
        root(list(arguments), prog_name=NAME, obj=Shell(wiring))
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else MISUSED
    except CommandFailed as failure:
        _print_lines(str(failure))
        return failure.code
    except wiring.operator_errors() as error:
        _print_lines(str(error))
        may_pass = isinstance(error, wiring.outages())
        return UNAVAILABLE if may_pass and not isinstance(error, DatabaseMisconfigured) else MISUSED
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUSED
    except OSError as error:
        _print_lines(say_closed(error))
        return MISUSED
    return 0


def _print_lines(text: str) -> None:
    for line in text.splitlines():
        print_note(f"{NAME}: {line}")
