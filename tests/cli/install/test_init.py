"""An operator makes an installation."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import INIT, PASSWORD, URL, call
from tests.delivery.mail.test_smtp import Mailbox, running


OPERATOR = ("--operator", "root", "--email", "root@example.com")


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_it_writes_configuration_keys_and_database_for_its_owner_alone(tmp_path):
    result = call(tmp_path, *INIT)
    assert (result.code, result.err) == (0, "")
    assert "Next: twostep serve" in result.out
    assert files(tmp_path) == ["data", "data/twostep.key", "data/twostep.sqlite3", "twostep.toml"]
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in files(tmp_path)}
    assert modes["data"] == 0o700
    assert modes["data/twostep.key"] == modes["data/twostep.sqlite3"] == 0o600


def test_without_countries_phones_are_off(tmp_path):
    call(tmp_path, *INIT)
    text = (tmp_path / "twostep.toml").read_text()
    written = tomllib.loads(text)
    assert written["policy"] == {
        "require_two_step": "operators",
        "phones": "off",
        "recovery_wait_hours": 0,
    }
    assert written["public_url"] == URL
    assert len(text.splitlines()) < 20


def test_a_mail_server_and_countries_are_written_and_secrets_stand_apart(tmp_path):
    (tmp_path / "word").write_text("smtp secret\n")
    mail = ("--smtp-host", "mail.example.com", "--smtp-from", "panel@example.com")
    login = ("--smtp-user", "panel", "--smtp-password-file", "word")
    result = call(tmp_path, *INIT, "--countries", "de, FR", *mail, *login, *OPERATOR)
    assert (result.code, result.err) == (0, "")
    text = (tmp_path / "twostep.toml").read_text()
    written = tomllib.loads(text)
    assert written["policy"]["phones"] == "on"
    assert written["delivery"]["countries"] == ["de", "FR"]
    assert "smtp secret" not in text
    secret = tmp_path / "data" / "smtp.password"
    assert (secret.read_text(), secret.stat().st_mode & 0o777) == ("smtp secret\n", 0o600)
    # Without a password the first operator gets a link.
    status = call(tmp_path, "delivery", "status", "--json")
    assert '"state": "queued"' in status.out


def test_it_never_overwrites(folder):
    before = {name: (folder / name).read_bytes() for name in ("twostep.toml", "data/twostep.key")}
    result = call(folder, *INIT)
    assert result.code == 1
    assert "already exists, and nothing was changed" in result.err
    (folder / "twostep.toml").rename(folder / "old.toml")
    result = call(folder, *INIT)
    assert (result.code, "twostep.key already exists" in result.err) == (1, True)
    assert (folder / "old.toml").read_bytes() == before["twostep.toml"]
    assert (folder / "data/twostep.key").read_bytes() == before["data/twostep.key"]


@pytest.mark.parametrize(
    ("arguments", "typed", "code", "says"),
    [
        ((*OPERATOR, "--password-stdin"), "short\n", 1, "at least 15 characters"),
        ((*OPERATOR, "--password-stdin"), "twostep twostep\n", 1, "the user or panel"),
        (
            (*OPERATOR[:2], "--email", "nobody", "--password-stdin"),
            PASSWORD,
            1,
            "not an e-mail address",
        ),
        (OPERATOR, "", 2, "No link can be mailed"),
        (("--panel-name", "x" * 41), "", 2, "panel_name = 'xxx"),
        (("--countries", "UK"), "", 2, "the United Kingdom is GB"),
    ],
)
def test_when_it_fails_nothing_is_left_behind(tmp_path, arguments, typed, code, says):
    result = call(tmp_path, *INIT, *arguments, typed=typed)
    assert (result.code, says in result.err) == (code, True), result.err
    assert len(result.err.splitlines()) == 1
    assert files(tmp_path) == []


def test_plain_http_is_for_this_machine_only(tmp_path):
    result = call(tmp_path, "init", "--yes", "--public-url", "http://panel.example.com")
    assert result.code == 2
    assert result.err.startswith("twostep: public_url = 'http://panel.example.com': use https")


def test_what_was_not_given_is_asked_for(tmp_path):
    answers = ["nonsense", "https://panel.example.com", "data", "Panel", "", "root"]
    answers += ["root@example.com", ""]
    result = call(
        tmp_path, "init", "--password-stdin", typed="\n".join(answers) + f"\n{PASSWORD}\n"
    )
    assert result.code == 0, result.err
    assert "write an address like https://panel.example.com" in result.err
    written = tomllib.loads((tmp_path / "twostep.toml").read_text())
    assert written["public_url"] == "https://panel.example.com"
    assert written["trusted_proxies"] == ["127.0.0.1", "::1"]
    assert "root" in call(tmp_path, "user", "list").out


def test_the_mail_server_is_tried_until_it_takes_the_login(tmp_path):
    mailbox = Mailbox(rcpt="554 5.7.1 Relay access denied")
    with running(mailbox) as port, running(Mailbox()) as good:
        first = ["127.0.0.1", "none", str(port), "", "panel@example.com"]
        again = ["n", "127.0.0.1", "none", str(good), "", "panel@example.com"]
        answers = ["https://panel.example.com", "data", "Panel", *first, *again]
        answers += ["root", "root@example.com", "", ""]
        typed = "\n".join(answers) + f"\n{PASSWORD}\n"
        result = call(tmp_path, "init", "--password-stdin", typed=typed)
    assert result.code == 0, result.err
    assert "Relay access denied" in result.err
    settings = tomllib.loads((tmp_path / "twostep.toml").read_text())
    written = settings["smtp"]
    assert (written["port"], written["security"]) == (good, "none")
    # Where mail works, recovery by it is suggested.
    assert settings["policy"]["recovery_wait_hours"] == 72
    assert mailbox.mails == []
