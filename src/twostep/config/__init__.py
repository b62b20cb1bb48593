"""Settings: one TOML file, the environment and `--set`, checked as a whole before anything starts.

`load` returns a frozen `Settings` or raises `ConfigError`, which holds one line for each problem.
"""

from __future__ import annotations

from twostep.config.loading import SettingsReader, load, parse_set, read_settings
from twostep.config.problems import ConfigError
from twostep.config.settings import Settings
from twostep.config.settings_file import find_config


__all__ = [
    "ConfigError",
    "Settings",
    "SettingsReader",
    "find_config",
    "load",
    "parse_set",
    "read_settings",
]
