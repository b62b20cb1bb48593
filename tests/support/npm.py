"""Programs of the Node world that tests run against: installed once, outside the project."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest


PACKAGES = {
    "axe-core": "axe-core@4.14.1",
    "@stoplight/prism-cli": "@stoplight/prism-cli@5.14.2",
}
SECONDS = 180


def folder() -> Path:
    """Where they are kept between runs."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "twostep-tests" / "npm"


def need(package: str) -> Path:
    """The folder whose `node_modules` holds the package; skips, saying why, where it cannot."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node is not here: apt-get install nodejs npm")
    place = folder()
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("w") as lock:
        # Tests run side by side, and two installations at once in one folder spoil it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(package, place)
    return place


def _install(package: str, place: Path) -> None:
    if not (place / "node_modules" / package).is_dir():
        result = subprocess.run(
            ["npm", "install", "--silent", "--no-audit", "--no-fund", PACKAGES[package]],
            cwd=place,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        if result.returncode != 0:
            pytest.skip(f"npm could not install {package}")
