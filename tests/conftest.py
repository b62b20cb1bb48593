"""Fixtures for every folder."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings


# Of Hypothesis, a machine with other work is slow for every example.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# A settings file that its group may write is refused, and tests write many, whatever the umask was.
os.umask(0o022)

pytest_plugins = ["tests.support.postgres", "tests.support.engines"]
