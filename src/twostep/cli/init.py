"""`twostep init`: asks what it was not given, then writes a real installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from twostep.cli.install import Answers, install
from twostep.cli.questions import MailOptions, Questions, read_countries
from twostep.cli.shell import shell_of


DATA_DIR = "/var/lib/twostep"
DEFAULT_CONFIG = Path("twostep.toml")


def init(
    context: typer.Context,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    public_url: Annotated[str | None, typer.Option(help="Address people type in.")] = None,
    data_dir: Annotated[str | None, typer.Option(help="Folder of database and keys.")] = None,
    panel_name: Annotated[str | None, typer.Option(help="Name of your panel.")] = None,
    countries: Annotated[
        str | None, typer.Option(help='Whose phones may be added: "DE,FR", or all.')
    ] = None,
    operator: Annotated[str | None, typer.Option(help="User name of the first operator.")] = None,
    email: Annotated[str | None, typer.Option(help="The operator's address.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the operator's password from stdin.")
    ] = False,
    smtp_host: Annotated[str | None, typer.Option(help="Mail server.")] = None,
    smtp_security: Annotated[str, typer.Option(help="starttls, tls or none.")] = "starttls",
    smtp_port: Annotated[int | None, typer.Option(help="Default: 587, 465 or 25.")] = None,
    smtp_user: Annotated[str | None, typer.Option(help="User name at the mail server.")] = None,
    smtp_password_file: Annotated[Path | None, typer.Option(help="File with its password.")] = None,
    smtp_from: Annotated[str | None, typer.Option(help="Address that mails come from.")] = None,
) -> None:
    """Make a real installation: configuration, key file, database, first operator."""
    ask = Questions(silent=yes)
    url = ask.setting("Public URL (https://…)", public_url, key="public_url", option="--public-url")
    folder = ask.setting(
        "Data folder", data_dir, key="data_dir", option="--data-dir", default=DATA_DIR
    )
    panel = ask.setting(
        "Name of your panel", panel_name, key="panel_name", option="--panel-name", default="Twostep"
    )
    mail = ask.mail(
        MailOptions(smtp_host, smtp_security, smtp_port, smtp_from, smtp_user, smtp_password_file)
    )
    first = _first_operator(ask, operator, email)
    answers = Answers(
        public_url=url,
        data_dir=Path(folder).expanduser().absolute(),
        panel_name=panel,
        countries=read_countries(
            ask.setting(
                "Countries whose phones may be added, like DE,FR, or all (empty: no phones)",
                countries,
                key="delivery.countries",
                option="--countries",
                default="",
            )
        ),
        mail=mail,
        operator=first[0],
        email=first[1],
        password=ask.password(first[0], panel, mail, from_stdin=password_stdin)
        if first[0]
        else None,
    )
    path = (shell_of(context).config or DEFAULT_CONFIG).absolute()
    install(shell_of(context), path, answers)
    _say_what_is_next(path, answers)


def _first_operator(ask: Questions, name: str | None, email: str | None) -> tuple[str, str]:
    """Name and address; empty where init asks nothing and was given no name."""
    if ask.silent and not name:
        return "", ""
    return (
        ask.needed("User name of the first operator", name, option="--operator"),
        ask.needed("The operator's e-mail address", email, option="--email"),
    )


def _say_what_is_next(path: Path, answers: Answers) -> None:
    config = f" --config {path}" if path != DEFAULT_CONFIG.absolute() else ""
    print(f"Wrote {path}, and key file and database in {answers.data_dir}.")
    print("Keep a copy of the key file apart from backups of the database.")
    if not answers.operator:
        print(f"First operator: twostep{config} user add NAME --email ADDRESS --role operator")
    elif answers.password is None:
        print("The link for the password leaves when the server runs, and works for an hour.")
    if answers.countries:
        print(f"Phones: add a table [twilio] to {path}; see docs/reference/settings.md.")
    print(f"Next: twostep{config} serve")
    if answers.public_url.startswith("https:"):
        print("In front of it, nginx or Caddy with https: docs/how-to/behind-a-proxy.md.")
