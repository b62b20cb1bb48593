"""Fixtures for every folder."""

from __future__ import annotations

import os


# A settings file that its group may write is refused, and tests write many, whatever the umask was.
os.umask(0o022)

pytest_plugins = ["tests.support.postgres", "tests.support.engines"]
