"""All of the web on PostgreSQL, as `pytest tests/web --engine postgresql` runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.soak
def test_every_test_of_the_web_passes_on_postgresql() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "tests/web", "--engine", "postgresql"]
    result = subprocess.run(
        [*command, "-m", "not soak", "-k", "not sqlite", "-p", "no:cacheprovider"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-8000:]
