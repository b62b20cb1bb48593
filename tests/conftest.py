"""Fixtures for every folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings


# Databases of tests go with them, so no commit needs to wait for a disk where memory has room.
MEMORY, ROOM_BYTES = Path("/dev/shm"), 4 * 2**30  # noqa: S108  tests make folders of their own there
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
    tempfile.tempdir = os.environ["TMPDIR"] = str(MEMORY)

# Of Hypothesis, a machine with other work is slow for every example.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# A settings file that its group may write is refused, and tests write many, whatever the umask was.
os.umask(0o022)

pytest_plugins = ["tests.support.postgres", "tests.support.engines"]
