"""The questions of `twostep init`: asked for missing options, until the answer is valid."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from twostep.cli.failure import MISUSED, CommandFailed, sentence
from twostep.cli.install.install import Mail, mail_settings
from twostep.cli.people.accounts import require_mail
from twostep.cli.shell import print_note, read_password
from twostep.core.refusal import Refused


PORTS = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True, slots=True)
class MailOptions:
    """The mail server's options; None if not given."""

    host: str | None
    security: str | None
    port: int | None
    sender: str | None
    user: str | None
    password_file: Path | None


@dataclass(frozen=True, slots=True)
class Questions:
    """`silent`: ask nothing and take defaults; an option without one is then required."""

    silent: bool

    def needed(self, words: str, given: str | None, *, option: str) -> str:
        """An answer without a default."""
        if given:
            return given
        if self.silent:
            raise CommandFailed(f"Give {option}.", MISUSED)
        return _ask(words)

    def setting(
        self, words: str, given: str | None, *, key: str, option: str, default: str | None = None
    ) -> str:
        """An answer that becomes a setting; asked again until the setting is valid."""
        if given is not None:
            return given
        if self.silent:
            if default is None:
                raise CommandFailed(f"Give {option}.", MISUSED)
            return default
        while True:
            answer = _ask(words, default)
            problem = _problem(key, answer)
            if problem is None:
                return answer
            print_note(problem)

    def mail(self, given: MailOptions, *, now: int) -> Mail | None:
        """The mail server, asked for until it takes our login; None for none."""
        while True:
            mail = self._mail_server(given)
            if mail is None or self.silent or (problem := _trouble(mail, now=now)) is None:
                return mail
            print_note(problem)
            if typer.confirm("Keep these answers all the same?", err=True):
                return mail

    def _mail_server(self, given: MailOptions) -> Mail | None:
        host = given.host
        if host is None and not self.silent:
            host = _ask("Mail server (empty: none; then no notices or links are mailed)", "")
        if not host:
            return None
        security = given.security or "starttls"
        if given.security is None and not self.silent:
            security = _ask(f"Kind of TLS there ({', '.join(PORTS)})", security)
        if security not in PORTS:
            raise CommandFailed(f"--smtp-security takes {', '.join(PORTS)}.", MISUSED)
        port = given.port or PORTS[security]
        if given.port is None and not self.silent:
            port = typer.prompt("Port there", default=port, type=int, err=True)
        user = given.user
        if user is None and not self.silent:
            user = _ask("User name there (empty: none)", "")
        return Mail(
            host=host,
            port=port,
            security=security,
            sender=self.needed("Address that mail comes from", given.sender, option="--smtp-from"),
            user=user or "",
            password=self._mail_password(given.password_file) if user else "",
        )

    def _mail_password(self, file: Path | None) -> str:
        if file is None:
            if self.silent:
                raise CommandFailed("Give --smtp-password-file along with --smtp-user.", MISUSED)
            return _ask("Password there", hidden=True)
        try:
            return file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandFailed(
                f"--smtp-password-file: {file} cannot be read: {error}", MISUSED
            ) from None

    def password(self, name: str, panel: str, mail: Mail | None, *, from_stdin: bool) -> str | None:
        """The first operator's password; None to mail a link."""
        if from_stdin:
            return read_password()
        if self.silent:
            require_mail(("smtp",) if mail else (), instead="Use --password-stdin")
            return None
        words = "Password" + (" (empty: mail a link to set it)" if mail else "")
        while True:
            word = _ask(words, "" if mail else None, hidden=True, twice=True)
            if not word and mail:
                return None
            if (problem := _weakness(word, (name, panel))) is None:
                return word
            print_note(problem)


def read_countries(text: str) -> tuple[str, ...]:
    """Split `DE, FR`, or `all`, into its parts."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _ask(
    words: str, default: str | None = None, *, hidden: bool = False, twice: bool = False
) -> str:
    answer: str = typer.prompt(
        words,
        default=default,
        hide_input=hidden,
        confirmation_prompt=twice,
        show_default=bool(default),
        err=True,
    )
    return answer.strip() if not hidden else answer


def _trouble(mail: Mail, *, now: int) -> str | None:
    """What the mail server says against these answers; None if nothing. No mail is sent."""
    from twostep.config import ConfigError, load
    from twostep.flows.operate.examine_delivery import examine_delivery

    settings = {"public_url": "http://localhost", **mail_settings(mail)}
    try:
        checked = load(None, environ={}, overrides=settings)
    except ConfigError as error:
        return error.problems[0].removeprefix("--set: ")
    findings = asyncio.run(examine_delivery(checked, now=now))
    texts = [finding.text for finding in findings if finding.verdict != "works"]
    return texts[0] if texts else None


def _problem(key: str, answer: str) -> str | None:
    from twostep.config import ConfigError, load

    settings: Mapping[str, object] = {"public_url": "http://localhost", key: answer}
    try:
        load(None, environ={}, overrides=settings)
    except ConfigError as error:
        return error.problems[0].removeprefix("--set: ")
    return None


def _weakness(word: str, context_words: tuple[str, ...]) -> str | None:
    from twostep.core.sign_in.password import refuse_password

    refused: Refused | None = refuse_password(word, two_step_on=False, context_words=context_words)
    return sentence(refused) if refused else None
