"""Fixtures for every folder."""

from __future__ import annotations


pytest_plugins = ["tests.support.postgres", "tests.support.engines"]
