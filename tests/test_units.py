"""The units in `deploy/`: systemd takes them, all are locked up alike, and what they run exists."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.commands_page import list_commands


DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
DAILY = ("twostep-audit", "twostep-backup", "twostep-doctor")
PROGRAM = "/opt/twostep/.venv/bin/twostep"
CONFIG = "--config /etc/twostep/twostep.toml"
# What each unit says for itself; everything else of [Service] locks it up.
OWN = (
    *("Type", "ExecStart", "ExecReload", "TimeoutStopSec", "StateDirectory", "ReadWritePaths"),
    *("Restart", "RestartSec", "RestartPreventExitStatus", "KillSignal", "LimitNOFILE"),
)


def service(name: str) -> list[tuple[str, str]]:
    text = (DEPLOY / f"{name}.service").read_text(encoding="utf-8")
    section = text.partition("[Service]")[2].partition("\n[")[0]
    return re.findall(r"^(\w+)=(.*)$", section, re.MULTILINE)


@pytest.mark.parametrize("name", DAILY)
def test_daily_work_is_locked_up_as_the_server_is(name: str) -> None:
    def locks(unit: str) -> list[tuple[str, str]]:
        return sorted(line for line in service(unit) if line[0] not in OWN)

    assert locks(name) == locks("twostep")
    assert ("ProtectSystem", "strict") in locks(name)


@pytest.mark.parametrize("name", DAILY)
def test_daily_work_runs_a_command_that_exists(name: str) -> None:
    started = dict(service(name))["ExecStart"]
    assert PROGRAM in started
    words = shlex.split(started.partition(f"{PROGRAM} {CONFIG} ")[2].replace("'", ""))
    names = [command for command, _ in list_commands()]
    assert any(" ".join(["twostep", *words]).startswith(command) for command in names), words


@pytest.mark.parametrize("name", ["twostep", *DAILY])
def test_systemd_takes_the_units(tmp_path: Path, name: str) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is missing")
    for path in DEPLOY.glob("twostep*.*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8").replace(PROGRAM, "/bin/true")
            (tmp_path / path.name).write_text(text, encoding="utf-8")
    units = [path for path in tmp_path.iterdir() if path.stem == name]
    result = subprocess.run(
        [program, "verify", *units], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout + result.stderr) == (0, "")
    assert len(units) == (1 if name == "twostep" else 2)


def test_an_outage_is_outlasted() -> None:
    """Systemd gives up on what starts five times within ten seconds, unless it is told not to."""
    text = (DEPLOY / "twostep.service").read_text(encoding="utf-8")
    assert "\nStartLimitIntervalSec=0\n" in text.partition("[Service]")[0]
    assert {("Restart", "on-failure"), ("RestartPreventExitStatus", "2")} <= set(service("twostep"))


def test_the_copy_of_each_weekday_has_a_file(tmp_path: Path) -> None:
    """The line that systemd gives to the shell, with its own signs resolved."""
    started = dict(service("twostep-backup"))["ExecStart"]
    command = started.replace(f"{PROGRAM} {CONFIG}", "echo").replace("$$", "$").replace("%%", "%")
    said = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(r"db backup /var/lib/twostep-backup/database\.[1-7]\n", said)
