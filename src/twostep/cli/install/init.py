"""`twostep init`: ask for missing options, then write a real installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twostep.cli.install.install import Answers, install
from twostep.cli.install.questions import MailOptions, Questions, read_countries
from twostep.cli.shell import Shell, shell_of


if TYPE_CHECKING:
    from twostep.config import Settings


DATA_DIR = "/var/lib/twostep"
DEFAULT_CONFIG = Path("twostep.toml")


Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing.")]
PublicUrl = Annotated[str | None, typer.Option(help="Address that people type.")]
DataDir = Annotated[str | None, typer.Option(help="Folder for database and keys.")]
PanelName = Annotated[str | None, typer.Option(help="Name of your panel.")]
PhoneCountries = Annotated[
    str | None,
    typer.Option(help='Countries whose phones may be added: "DE,FR", or all. Default: none.'),
]
RecoveryHours = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=720,
        help="Hours after which people who lost everything may recover by e-mail. Default: 0, never.",
    ),
]
Operator = Annotated[str | None, typer.Option(help="User name of the first operator.")]
Email = Annotated[str | None, typer.Option(help="The operator's address.")]
PasswordStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the operator's password from standard input."),
]
SmtpHost = Annotated[str | None, typer.Option(help="Mail server.")]
SmtpSecurity = Annotated[str | None, typer.Option(help="starttls, tls or none. Default: starttls.")]
SmtpPort = Annotated[int | None, typer.Option(help="Default: 587, 465 or 25.")]
SmtpUser = Annotated[str | None, typer.Option(help="User name at the mail server.")]
SmtpPasswordFile = Annotated[Path | None, typer.Option(help="File with its password.")]
SmtpFrom = Annotated[str | None, typer.Option(help="Address that mail comes from.")]


def init(
    context: typer.Context,
    *,
    yes: Yes = False,
    public_url: PublicUrl = None,
    data_dir: DataDir = None,
    panel_name: PanelName = None,
    countries: PhoneCountries = None,
    recovery_wait_hours: RecoveryHours = None,
    operator: Operator = None,
    email: Email = None,
    password_stdin: PasswordStdin = False,
    smtp_host: SmtpHost = None,
    smtp_security: SmtpSecurity = None,
    smtp_port: SmtpPort = None,
    smtp_user: SmtpUser = None,
    smtp_password_file: SmtpPasswordFile = None,
    smtp_from: SmtpFrom = None,
) -> None:
    """Create a real installation: configuration, key file, database, first operator."""
    ask = Questions(silent=yes)
    url, folder, panel = _place(ask, public_url, data_dir, panel_name)
    mail = ask.mail(
        MailOptions(smtp_host, smtp_security, smtp_port, smtp_from, smtp_user, smtp_password_file),
        now=shell_of(context).wiring.clock(),
    )
    name, address = _first_operator(ask, operator, email)
    answers = Answers(
        public_url=url,
        data_dir=folder,
        panel_name=panel,
        mail=mail,
        operator=name,
        email=address,
        countries=_countries(ask, countries),
        recovery_wait_hours=_recovery_hours(ask, recovery_wait_hours, mails=mail is not None),
        password=ask.password(name, panel, mail, from_stdin=password_stdin) if name else None,
    )
    path = (shell_of(context).config or DEFAULT_CONFIG).absolute()
    settings = install(shell_of(context), path, answers)
    _print_summary(shell_of(context), path, settings)
    _print_next_steps(path, answers)


def _place(
    ask: Questions, url: str | None, folder: str | None, panel: str | None
) -> tuple[str, Path, str]:
    """The public URL, the data folder and the panel's name."""
    url = ask.setting("Public URL (https://…)", url, key="public_url", option="--public-url")
    folder = ask.setting(
        "Data folder", folder, key="data_dir", option="--data-dir", default=DATA_DIR
    )
    panel = ask.setting(
        "Name of your panel", panel, key="panel_name", option="--panel-name", default="Twostep"
    )
    return url, Path(folder).expanduser().absolute(), panel


def _countries(ask: Questions, given: str | None) -> tuple[str, ...]:
    answer = ask.setting(
        "Countries whose phones may be added, like DE,FR, or all (empty: no phones)",
        given,
        key="delivery.countries",
        option="--countries",
        default="",
    )
    return read_countries(answer)


def _recovery_hours(ask: Questions, given: int | None, *, mails: bool) -> int:
    """Without mail nobody can recover by it, so nothing is asked."""
    if given is not None or not mails:
        return given or 0
    answer = ask.setting(
        "Hours after which people who lost every way in may recover by e-mail (0: never)",
        None,
        key="policy.recovery_wait_hours",
        option="--recovery-wait-hours",
        default="0" if ask.silent else "72",
    )
    return int(answer)


def _first_operator(ask: Questions, name: str | None, email: str | None) -> tuple[str, str]:
    """The operator's name and address; empty if init asks nothing and got no name."""
    if ask.silent and not name:
        return "", ""
    return (
        ask.needed("User name of the first operator", name, option="--operator"),
        ask.needed("The operator's e-mail address", email, option="--email"),
    )


def _print_summary(shell: Shell, path: Path, settings: Settings) -> None:
    """Print what was written, and where: keys and database may be kept elsewhere."""
    file, keys = shell.wiring.database_file(settings), settings.key_path
    in_folder = [
        name
        for name, place in (("key file", keys), ("database", file))
        if place is not None and place.is_relative_to(settings.data_dir)
    ]
    also = f", and {' and '.join(in_folder)} in {settings.data_dir}" if in_folder else ""
    print(f"Wrote {path}{also}.")
    if "database" not in in_folder:
        print(f"The database is {shell.wiring.database(settings)}, with its schema up to date.")
    if keys is not None:
        print("Keep a copy of the key file, but not together with backups of the database.")


def _is_default_config(path: Path) -> bool:
    """Whether the next command will use this file without `--config`."""
    from twostep.config import ConfigError, find_config

    try:
        default = find_config()
    except ConfigError:
        return False
    return default is not None and default.absolute() == path


def _print_next_steps(path: Path, answers: Answers) -> None:
    config = "" if _is_default_config(path) else f" --config {path}"
    if not answers.operator:
        print(f"First operator: twostep{config} user add NAME --email ADDRESS --role operator")
    elif answers.password is None:
        print("The link to set the password is mailed when the server runs, and works for an hour.")
    if answers.countries:
        print(f"Phones: add a table [twilio] to {path}; see docs/reference/settings.md.")
    print(f"Next: twostep{config} serve")
    if answers.public_url.startswith("https:"):
        print("Put nginx or Caddy with https in front of it: docs/how-to/behind-a-proxy.md.")
