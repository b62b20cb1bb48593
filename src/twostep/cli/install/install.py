"""Write a new installation: configuration, key file, database and first operator, or nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from twostep.cli.failure import MISUSED, CommandFailed
from twostep.cli.shell import Shell


if TYPE_CHECKING:
    from twostep.config import Settings

PASSWORD_FILE = "smtp.password"
_SQLITE_SUFFIXES = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Mail:
    """The mail server. `sender`: the From address."""

    host: str
    port: int
    security: str
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers given to `twostep init`. `operator`: empty for none; `password`: None mails a link."""

    public_url: str
    data_dir: Path
    panel_name: str
    countries: tuple[str, ...]
    recovery_wait_hours: int = 0
    mail: Mail | None = None
    operator: str = ""
    email: str = ""
    password: str | None = field(default=None, repr=False)


def overrides(answers: Answers) -> dict[str, object]:
    """The answers as settings, to validate before anything is written."""
    settings: dict[str, object] = {
        "public_url": answers.public_url,
        "data_dir": str(answers.data_dir),
        "panel_name": answers.panel_name,
        "delivery.countries": list(answers.countries),
        "policy.phones": bool(answers.countries),
        "policy.require_two_step": "operators",
        "policy.recovery_wait_hours": answers.recovery_wait_hours,
    }
    return settings | (mail_settings(answers.mail) if answers.mail else {})


def mail_settings(mail: Mail) -> dict[str, object]:
    """The mail server as settings."""
    settings: dict[str, object] = {
        "smtp.host": mail.host,
        "smtp.port": mail.port,
        "smtp.security": mail.security,
        "smtp.from": mail.sender,
    }
    if mail.user:
        settings |= {"smtp.user": mail.user, "smtp.password": mail.password}
    return settings


def configuration(answers: Answers) -> str:
    """The text of `twostep.toml`."""
    behind_proxy = "" if answers.public_url.startswith("https:") else "# "
    lines = [
        "# Twostep. All settings: docs/reference/settings.md. After a change: twostep doctor",
        f"public_url = {_toml(answers.public_url)}  # what people type; every link begins with it",
        f"data_dir = {_toml(str(answers.data_dir))}  # database and key file",
        f"panel_name = {_toml(answers.panel_name)}  # on pages, in messages, in authenticator apps",
        f'{behind_proxy}trusted_proxies = ["127.0.0.1", "::1"]  # where your https proxy runs',
        '# support_email = "help@example.com"  # shown to people who cannot sign in',
        "",
        "[policy]",
        'require_two_step = "operators"  # none, operators or all',
        f'phones = "{"on" if answers.countries else "off"}"  # texts and calls as a second way in',
        f"recovery_wait_hours = {answers.recovery_wait_hours}  # by e-mail, for who lost everything; 0: never",
        "",
        "[delivery]",
        f"countries = {json.dumps(list(answers.countries))}  # whose numbers may be added",
    ]
    if answers.countries:
        lines += [
            "# [twilio]  # who delivers texts and calls: account_sid, auth_token, from_number"
        ]
    if mail := answers.mail:
        lines += [
            "",
            "[smtp]",
            f"host = {_toml(mail.host)}",
            f"port = {mail.port}",
            f'security = "{mail.security}"  # starttls, tls or none',
            f"from = {_toml(mail.sender)}",
        ]
        if mail.user:
            lines += [
                f"user = {_toml(mail.user)}",
                f"password_file = {_toml(str(answers.data_dir / PASSWORD_FILE))}",
            ]
    return "\n".join(lines) + "\n"


def install(shell: Shell, path: Path, answers: Answers) -> Settings:
    """Write everything or, if anything fails, nothing; returns the settings as read back.

    Raises `CommandFailed` and `ConfigError`.
    """
    from twostep.config import ConfigError, load
    from twostep.core.key_file import format_keyring
    from twostep.core.sealing import Keyring, new_key

    try:
        checked = load(None, overrides=overrides(answers))
    except ConfigError as error:
        problems = (problem.removeprefix("--set: ") for problem in error.problems)
        raise CommandFailed("\n".join(problems), MISUSED) from None
    database = shell.wiring.database_file(checked)
    _refuse_existing(path, checked.key_path, database)
    with _removed_on_failure() as made:
        try:
            _make_folder(checked.data_dir, made)
            if answers.mail and answers.mail.user:
                secret = answers.mail.password + "\n"
                _write(checked.data_dir / PASSWORD_FILE, secret, mode=0o600, made=made)
            if checked.key_path is not None:
                keyring = format_keyring(Keyring((new_key(),)))
                _write(checked.key_path, keyring, mode=0o600, made=made)
            _write(path, configuration(answers), mode=0o644, made=made)
        except OSError as error:
            raise CommandFailed(
                f"{error.filename} cannot be written: {error.strerror}. Run as a user who can, or"
                " choose another place with --data-dir or --config.",
                MISUSED,
            ) from None
        settings = load(path)
        if database is not None:
            made += [Path(f"{database}{suffix}") for suffix in _SQLITE_SUFFIXES]
        shell.wiring.upgrade(settings)
        if answers.operator:
            _add_operator(shell, settings, answers)
        _hand_over(made, settings.data_dir)
    return settings


def _hand_over(made: list[Path], data_dir: Path) -> None:
    """Give what root has made in the data folder to the folder's owner, or, if the folder is new, to
    the service's user: otherwise the server could not read its keys."""
    from twostep.config.file_owner import hand_over, service_user_takes

    if data_dir in made:
        service_user_takes(data_dir)
    for path in made:
        if path != data_dir and path.is_relative_to(data_dir) and path.exists():
            hand_over(path, like=data_dir)


def _refuse_existing(path: Path, key: Path | None, database: Path | None) -> None:
    for existing in (path, key, database):
        if existing is not None and existing.exists():
            raise CommandFailed(
                f"{existing} already exists, and nothing was changed. Move it away for a new"
                " installation, or check this one with: twostep doctor"
            )


def _add_operator(shell: Shell, settings: Settings, answers: Answers) -> None:
    from twostep.cli.people.accounts import add_account
    from twostep.core.account import Role
    from twostep.flows.account.accounts import NewAccount

    new = NewAccount(
        name=answers.operator,
        email=answers.email,
        role=Role.OPERATOR,
        typed=answers.password,
        language=settings.default_language,
        time_zone=settings.default_time_zone,
    )
    shell.run(lambda opener: add_account(opener, new), settings)


@contextmanager
def _removed_on_failure() -> Iterator[list[Path]]:
    """Collect the paths that are created; on any failure remove them, the newest first."""
    made: list[Path] = []
    try:
        yield made
    except BaseException:
        for path in reversed(made):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
        raise


def _make_folder(folder: Path, made: list[Path]) -> None:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700 if path == folder else 0o755)
        made.append(path)


def _write(path: Path, text: str, *, mode: int, made: list[Path]) -> None:
    """Write a new file durably, with exactly this mode."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        made.append(path)
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _toml(text: str) -> str:
    """A TOML string: JSON's escapes are valid TOML, but TOML also escapes DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
