"""The real program in a folder of its own: in a process of its own, or, for speed, in this one."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from tests.support.waiting import PATIENCE_SECONDS
from twostep.__main__ import WIRING, run
from twostep.config.settings_file import SYSTEM_FILE


PASSWORD = "correct horse battery 9"
ROOT = Path(__file__).resolve().parents[2]
URL = "http://localhost:8099"
INIT = ("init", "--yes", "--public-url", URL, "--data-dir", "data")
SECONDS = PATIENCE_SECONDS


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """Commands that run in this process set up the log of a command."""
    yield
    structlog.reset_defaults()


@dataclass(frozen=True, slots=True)
class Result:
    """What a call left behind."""

    code: int
    out: str
    err: str


def environment() -> dict[str, str]:
    """Without settings of the machine the tests run on; passwords hashed fast."""
    assert not SYSTEM_FILE.exists(), f"{SYSTEM_FILE} counts first: tests would change what is real"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TWOSTEP_")}
    # What tests do is not for the system's log.
    quiet = {"TWOSTEP_SYSLOG_SOCKET": "/nowhere/log"}
    return {**kept, **quiet, "TWOSTEP_PASSWORD__PROFILE": "test"}


def call(
    folder: Path,
    *arguments: str,
    typed: str = "",
    through: Sequence[str] = (),
    **settings: str,
) -> Result:
    """Run the program. `through`: a command that runs another, such as setpriv."""
    module = (*through, sys.executable, "-m", "twostep")
    return _run(folder, *module, *arguments, typed=typed, **settings)


def seed(folder: Path, *options: str) -> Result:
    """Fill the installation in that folder as benchmarks do; the file is relative to it."""
    module = (sys.executable, "-m", "bench.seed")
    return _run(folder, *module, *options, PYTHONPATH=str(ROOT))


def _run(folder: Path, *command: str, typed: str = "", **settings: str) -> Result:
    result = subprocess.run(
        command,
        cwd=folder,
        env={**environment(), **settings},
        input=typed,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "Traceback" not in result.stderr, result.stderr
    return Result(result.returncode, result.stdout, result.stderr)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    operator = ("--operator", "root", "--email", "root@example.com", "--password-stdin")
    result = call(folder, *INIT, *operator, typed=f"{PASSWORD}\n")
    assert result.code == 0, result.err
    # Relative, so that a copy of the folder is an installation of its own.
    config = folder / "twostep.toml"
    config.write_text(config.read_text().replace(str(folder / "data"), "data"))
    return folder


@pytest.fixture
def folder(made_once: Path, tmp_path: Path) -> Path:
    """An installation with the operator `root`."""
    return Path(shutil.copytree(made_once, tmp_path / "installed"))


@pytest.fixture
def twostep(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """Run a verb in that installation, in this process, because starting one takes half a second."""
    monkeypatch.chdir(folder)
    for name in set(os.environ) - set(environment()):
        monkeypatch.delenv(name)

    def run_here(*arguments: str, typed: str = "", **settings: str) -> Result:
        capsys.readouterr()
        with monkeypatch.context() as here:
            here.setattr(sys, "stdin", io.StringIO(typed))
            for name, value in {**environment(), **settings}.items():
                here.setenv(name, value)
            code = run(arguments, WIRING)
        printed = capsys.readouterr()
        return Result(code, printed.out, printed.err)

    return run_here
