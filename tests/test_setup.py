"""`make setup`: what it installs, and that it comes from lock files only.

A stand-in for Python writes down what pip is asked for; nothing is downloaded.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest


ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("geo", "otel", "postgresql")
PYTHON = """#!/bin/sh
case "$*" in
  *"-m venv"*)
    for folder; do :; done
    rm -rf "$folder"; mkdir -p "$folder/bin"; cp "$0" "$folder/bin/python"; echo "$folder" > "$folder/bin/activate" ;;
  *"-m pip"*) echo "$*" >> LOG ;;
esac
"""
PIN = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


@dataclass(frozen=True)
class Unpacked:
    """A folder with what `make setup` reads."""

    folder: Path

    def setup(self, *words: str) -> tuple[int, str]:
        """Exit code and what it says."""
        result = subprocess.run(
            ["make", "-C", self.folder, "setup", f"PYTHON={self.folder}/python", *words],
            env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return result.returncode, result.stderr

    def installed(self) -> list[str]:
        """The lock files that were installed since the last question. Each run must ask for hashes."""
        log = self.folder / "pip.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        assert all("--require-hashes" in line or "--no-index" in line for line in lines), lines
        return [lock for line in lines for lock in re.findall(r"requirements/([\w-]+)\.lock", line)]


@pytest.fixture
def unpacked(tmp_path: Path) -> Unpacked:
    (tmp_path / "tools").mkdir()
    for name in ("Makefile", "tools/setup.sh"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    python = tmp_path / "python"
    python.write_text(PYTHON.replace("LOG", str(tmp_path / "pip.log")), encoding="utf-8")
    python.chmod(0o755)
    return Unpacked(tmp_path)


def test_a_server_gets_what_it_needs_and_no_more(unpacked: Unpacked) -> None:
    assert unpacked.setup()[0] == 0
    assert unpacked.installed() == ["run", "build"]
    assert unpacked.setup()[0] == 0
    assert unpacked.installed() == []


def test_extras_are_added_and_kept(unpacked: Unpacked) -> None:
    unpacked.setup()
    unpacked.installed()
    assert unpacked.setup("EXTRAS=postgresql")[0] == 0
    assert unpacked.installed() == ["run", "postgresql", "build"]
    unpacked.setup()
    assert unpacked.installed() == []
    unpacked.setup("EXTRAS=otel, geo")
    assert unpacked.installed() == ["run", *EXTRAS, "build"]


def test_a_new_version_brings_its_extras_up_to_date(unpacked: Unpacked) -> None:
    unpacked.setup("EXTRAS=postgresql")
    unpacked.installed()
    with (unpacked.folder / "requirements/postgresql.lock").open("a") as lock:
        lock.write("# newer\n")
    unpacked.setup()
    assert unpacked.installed() == ["run", "postgresql", "build"]
    (unpacked.folder / ".venv/bin/activate").write_text("made elsewhere")
    (unpacked.folder / ".venv/.stamp-run").unlink()
    unpacked.setup()
    assert unpacked.installed() == ["run", "postgresql", "build"]


def test_an_extra_that_does_not_exist_is_named(unpacked: Unpacked) -> None:
    code, says = unpacked.setup("EXTRAS=postgres")
    assert code != 0
    assert 'no extra "postgres"; there are: geo otel postgresql' in says
    assert unpacked.installed() == []


def test_every_extra_has_a_lock_file_beside_the_product() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    assert sorted(extras) == sorted(EXTRAS)
    versions = dict(PIN.findall((ROOT / "requirements/run.lock").read_text(encoding="utf-8")))
    for name, wanted in extras.items():
        lock = (ROOT / f"requirements/{name}.lock").read_text(encoding="utf-8")
        pins = dict(PIN.findall(lock))
        assert {re.match(r"[\w-]+", line).group() for line in wanted} <= set(pins)  # type: ignore[union-attr]
        # What the product has too is the same version, whichever is installed last.
        assert {key: versions[key] for key in pins.keys() & versions} == {
            key: pins[key] for key in pins.keys() & versions
        }
    for development in ("hatchling", "editables", "pytest"):
        assert development not in versions


def test_no_page_and_no_sentence_installs_by_name() -> None:
    """Whoever holds a name in a registry decides what it installs."""
    files = [
        *(ROOT / "src").rglob("*.py"),
        *(path for path in (ROOT / "docs").rglob("*.md")),
        *(path for path in (ROOT / "deploy").rglob("*") if path.is_file()),
        *ROOT.glob("*.md"),
        ROOT / "Makefile",
    ]
    offenders = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\b(?:pipx?|uv) (?:pip )?install\b|twostep\[[a-z]", line)
    ]
    assert offenders == []


def test_without_its_folder_the_product_still_says_what_to_run(tmp_path: Path) -> None:
    """As installed from a wheel: the lock files are where it was unpacked."""
    shutil.copytree(ROOT / "src", tmp_path / "a/b", ignore=shutil.ignore_patterns("__pycache__"))
    probe = "from twostep.config.operate import NO_TRACER; print(NO_TRACER)"
    said = subprocess.run(
        [sys.executable, "-c", probe], env={"PYTHONPATH": str(tmp_path / "a/b")}, cwd=tmp_path,
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert said.endswith("Run: make setup EXTRAS=otel, where Twostep was unpacked\n")
