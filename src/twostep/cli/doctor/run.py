"""`twostep doctor`: report what is wrong or unusual, and what to do about it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twostep.cli.doctor.address import examine_address
from twostep.cli.doctor.database import examine_database, mend_clock
from twostep.cli.doctor.deliveries import examine_deliveries
from twostep.cli.doctor.files import examine_files
from twostep.cli.doctor.finding import ERROR, OK, WARNING, Finding, print_findings
from twostep.cli.doctor.outside import examine_clock, examine_providers
from twostep.cli.failure import MISUSED, REFUSED, CommandFailed
from twostep.cli.shell import AsJson, shell_of


if TYPE_CHECKING:
    from twostep.config import Settings


def doctor(
    context: typer.Context,
    *,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Ask neither public_url, mail server nor providers."),
    ] = False,
    mend: Annotated[
        bool,
        typer.Option(
            "--mend-clock",
            help="Let apps that were used while the clock was ahead sign in again.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check configuration, public address, keys, database, clock, mail and providers.

    No message is sent: providers are asked something harmless, such as who we are.
    """
    from twostep.config import ConfigError

    shell = shell_of(context)
    try:
        settings = shell.load_settings()
    except (ConfigError, CommandFailed) as error:
        findings = [Finding(ERROR, "configuration", text) for text in str(error).splitlines()]
        print_findings(findings, as_json=as_json)
        raise typer.Exit(MISUSED) from None
    clock = examine_clock()
    findings = [
        *_examine_configuration(shell.config_path(), settings),
        *examine_address(shell, settings, offline=offline),
        *_examine_places(settings),
        *examine_files(shell, settings),
        clock,
        *([mend_clock(shell, settings, clock)] if mend else ()),
        *examine_database(shell, settings),
        *examine_deliveries(shell, settings),
        *examine_providers(shell, settings, offline=offline),
    ]
    print_findings(findings, as_json=as_json)
    if any(finding.level == ERROR for finding in findings):
        raise typer.Exit(REFUSED)


def _examine_configuration(path: Path | None, settings: Settings) -> Iterator[Finding]:
    about = "configuration"
    yield Finding(OK, about, f"read from {path or 'the environment'}")
    if path and path.stat().st_mode & 0o004 and (named := _secrets_in(path)):
        yield Finding(
            WARNING,
            about,
            f"{path} holds {', '.join(named)} and can be read by everybody."
            f" Run: chmod o-rwx {path}",
        )
    for warning in settings.warnings:
        yield Finding(WARNING, about, warning)


def _secrets_in(path: Path) -> list[str]:
    from twostep.config.listing import SETTINGS

    with path.open("rb") as file:
        tree = tomllib.load(file)
    secrets = []
    for name, value in tree.items():
        inner = value if isinstance(value, dict) else {}
        keys = [name, *(f"{name}.{key}" for key in inner)]
        secrets += [key for key in keys if key in SETTINGS and SETTINGS[key].is_secret]
    return secrets


def _examine_places(settings: Settings) -> Iterator[Finding]:
    from twostep.flows.places import NO_READER, lacks_reader, places_problem

    about, path = "geo_database", settings.geo_database
    if path is None:
        return
    if lacks_reader(settings):
        yield Finding(ERROR, about, NO_READER)
    elif problem := places_problem(path):
        text = f"{path} names no place: {problem}. Put a whole MMDB file there."
        yield Finding(WARNING, about, text)
    else:
        yield Finding(OK, about, f"{path} can be read")
