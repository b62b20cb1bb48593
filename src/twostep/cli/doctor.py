"""`twostep doctor`: what is wrong or unusual, each with what to do about it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from twostep.cli.failure import MISUSED, REFUSED
from twostep.cli.shell import AsJson, Shell, print_json, shell_of


if TYPE_CHECKING:
    from twostep.config import Settings
    from twostep.flows.env import Env
    from twostep.flows.health import Health

ERROR = "error"
WARNING = "warning"
OK = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """`text` says what is, and after it what to do. Errors make the exit code 1."""

    level: str
    about: str
    text: str


def doctor(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Check configuration, keys, database and providers, and say what to do."""
    from twostep.config import ConfigError

    shell = shell_of(context)
    try:
        settings = shell.load_settings()
    except ConfigError as error:
        _print([Finding(ERROR, "configuration", text) for text in error.problems], as_json=as_json)
        raise typer.Exit(MISUSED) from None
    found = [
        *_examine_configuration(shell.config_path(), settings),
        *_examine_address(settings),
        *_examine_database(shell, settings),
    ]
    _print(found, as_json=as_json)
    if any(finding.level == ERROR for finding in found):
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
    found = []
    for name, value in tree.items():
        inner = value if isinstance(value, dict) else {}
        keys = [name, *(f"{name}.{key}" for key in inner)]
        found += [key for key in keys if key in SETTINGS and SETTINGS[key].is_secret]
    return found


def _examine_address(settings: Settings) -> Iterator[Finding]:
    about = "public_url"
    if not settings.is_https:
        yield Finding(
            WARNING,
            about,
            f"{settings.public_url} is plain http: cookies are not Secure, and only this machine"
            " can sign in. Set the https address once there is one.",
        )
    elif not settings.trusted_proxies:
        yield Finding(
            WARNING,
            about,
            "https, and trusted_proxies is empty: right if serve has --tls-cert. Behind a proxy all"
            ' visitors share one limit: set trusted_proxies = ["127.0.0.1", "::1"] or its address.',
        )
    else:
        yield Finding(OK, about, f"{settings.public_url}, behind a proxy")


def _examine_database(shell: Shell, settings: Settings) -> Iterator[Finding]:
    from twostep.flows.health import view_health

    try:
        keyring = shell.wiring.load_keyring(settings)
    except shell.wiring.stops() as error:
        yield Finding(ERROR, "keys", str(error))
        return
    yield Finding(OK, "keys", f"{len(keyring.keys)} found, {keyring.newest.id} seals")

    async def read(env: Env) -> Health:
        return env.store.read(view_health, env)

    try:
        health = shell.run(read, settings)
    except shell.wiring.stops() as error:
        yield Finding(ERROR, "database", str(error))
        return
    yield Finding(OK, "database", f"{health.accounts} accounts")
    yield from _examine_checkpoints(shell, settings)
    yield from _judge(health)


def _examine_checkpoints(shell: Shell, settings: Settings) -> Iterator[Finding]:
    from twostep.flows.checkpoint import review_file

    path = settings.audit_checkpoint_file
    if path is None:
        return

    async def read(env: Env) -> str:
        return env.store.read(review_file, path)

    problem = shell.run(read, settings)
    if problem:
        yield Finding(WARNING, "audit", problem)
    else:
        yield Finding(OK, "audit", f"checkpoints are also in {path}")


def _judge(health: Health) -> Iterator[Finding]:
    if health.keys_open is False:
        yield Finding(
            ERROR,
            "keys",
            "They do not open what is in the database: apps and phones cannot be used. Put the key"
            " file back that belongs to this database.",
        )
    if not health.has_operator:
        yield Finding(
            WARNING,
            "database",
            "There is no operator. Run: twostep user add NAME --email ADDRESS --role operator",
        )
    if health.seeded:
        yield Finding(
            WARNING,
            "database",
            f"It holds {health.seeded} accounts of twostep dev seed: whoever has that file can sign"
            " in. Use another database for real people.",
        )


def _print(found: list[Finding], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(finding) for finding in found])
        return
    for finding in found:
        print(f"{finding.level:<8} {finding.about}: {finding.text}")
