"""Doctor asks the system, the mail server and providers, and mends what a wrong clock did."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.cli.conftest import seed
from tests.delivery.mail.test_smtp import Mailbox, running


PATH = os.environ["PATH"]


@pytest.fixture
def system_says(tmp_path, monkeypatch) -> Callable[[str], None]:
    """Put a `timedatectl` first that runs these lines of a shell; without any there is none at all."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def put(lines: str) -> None:
        program = folder / "timedatectl"
        program.write_text(f'#!/bin/sh\n[ "$*" = "show -p NTPSynchronized" ] || exit 9\n{lines}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{PATH}")

    monkeypatch.setenv("PATH", str(folder))
    return put


def about(result, name):
    return [(f["level"], f["text"]) for f in json.loads(result.out) if f["about"] == name]


@pytest.mark.parametrize(
    ("lines", "level", "says"),
    [
        ("echo NTPSynchronized=yes", "ok", "set by the network"),
        ("echo NTPSynchronized=no", "warning", "timedatectl set-ntp true"),
        ("exit 1", "skipped", "does not answer"),  # as in a container without systemd
        ("", "warning", "not set by the network"),
    ],
)
def test_it_says_whether_the_network_sets_the_clock(twostep, system_says, lines, level, says):
    system_says(lines)
    result = twostep("doctor", "--json")
    ((stated, text),) = about(result, "clock")
    assert (stated, result.code, says in text) == (level, 0, True), text


def test_a_system_that_cannot_say_so_is_pointed_out(twostep, system_says):
    ((level, text),) = about(twostep("doctor", "--json"), "clock")
    assert (level, "timedatectl is not installed" in text) == ("skipped", True)


def test_apps_locked_by_a_clock_that_was_ahead_are_mended(twostep, folder, system_says):
    seeded = seed(folder, "--accounts", "3", "--out", "seed.jsonl", "--force")
    assert seeded.code == 0, seeded.err
    step = int(time.time()) // 30  # noqa: TID251  the program runs by the machine's clock
    with closing(sqlite3.connect(folder / "data" / "twostep.sqlite3")) as database:
        names = [row[0] for row in database.execute("SELECT id FROM apps ORDER BY id")]
        for name, ahead in zip(names, (1000, 2, 0), strict=True):
            database.execute("UPDATE apps SET last_step = ? WHERE id = ?", (step + ahead, name))
        database.commit()
        levels = [level for level, _ in about(twostep("doctor", "--json"), "clock")]
        assert levels == ["skipped", "warning"]
        system_says("echo NTPSynchronized=no")
        refused = twostep("doctor", "--json", "--mend-clock")
        assert "nothing was mended" in str(about(refused, "clock"))
        system_says("echo NTPSynchronized=yes")
        result = twostep("doctor", "--json", "--mend-clock")
        assert ("ok", "1 authenticator app takes codes again") in about(result, "clock")
        steps = [row[0] for row in database.execute("SELECT last_step FROM apps ORDER BY id")]
    assert step <= steps[0] <= step + 2
    assert steps[1:] == [step + 2, step]
    assert [level for level, _ in about(twostep("doctor", "--json"), "clock")] == ["ok"]
    lines = [json.loads(line) for line in twostep("audit", "export").out.splitlines()]
    (mended,) = [line for line in lines if line["event"] == "clock.mended"]
    assert (mended["method"], mended["actor"]) == (f"app:{names[0]}", "cli")
    assert twostep("audit", "verify").code == 0


def test_mail_and_providers_are_asked_unless_offline(twostep, folder):
    mailbox = Mailbox()
    with running(mailbox) as port:
        config = folder / "twostep.toml"
        config.write_text(
            config.read_text()
            + f'[smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nfrom = "a@example.org"\n'
            + '[command]\nargv = ["/no/such/program", "{to}"]\n'
            + '[webhook]\nurl = "http://127.0.0.1:9/"\ncarries = ["sms", "call"]\n'
            + 'secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"\n'
        )
        result = twostep("doctor", "--json")
        assert result.code == 1
        assert [level for level, _ in about(result, "smtp")] == ["ok"]
        assert "There is no program /no/such/program" in str(about(result, "command"))
        assert "Nothing listens at 127.0.0.1 port 9" in str(about(result, "webhook"))
        offline = twostep("doctor", "--json", "--offline")
        assert (offline.code, about(offline, "command")) == (0, [])
        assert about(offline, "delivery")[0][0] == "skipped"
    assert mailbox.mails == []


def test_a_provider_that_cannot_make_its_calls_is_pointed_out(twostep, folder):
    config = folder / "twostep.toml"
    config.write_text(
        config.read_text()
        + '[twilio]\naccount_sid = "AC00000000000000000000000000000000"\nauth_token = "hush"\n'
        + 'from_number = "+12025550199"\napi_url = "http://127.0.0.1:9"\n'
    )
    findings = about(twostep("doctor", "--json"), "twilio")
    assert [level for level, _ in findings] == ["error", "warning"]
    assert "makes no calls" in findings[1][1]
