"""The list of settings as data: for loading, for "did you mean" and for the reference page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from twostep.config.carriers import CARRIERS
from twostep.config.settings import Settings


PREFIX = "TWOSTEP_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its dotted key, and the model field with everything else."""

    key: str
    field: FieldInfo

    @property
    def is_secret(self) -> bool:
        """Whether its value is never shown. Such a setting can also be read from a file."""
        return SecretStr in _members(self.field)

    @property
    def is_path(self) -> bool:
        """Whether a relative value in the TOML file is relative to that file."""
        return Path in _members(self.field)

    @property
    def file_key(self) -> str | None:
        """The key that names a file with the secret. `key_file` is a separate setting."""
        return f"{self.key}_file" if self.is_secret and self.key != "key" else None


def _members(field: FieldInfo) -> set[object]:
    """Return the field's type and, for unions and annotated types, all their parts."""
    kinds: set[object] = set()
    open_types: list[object] = [field.annotation]
    while open_types:
        kind = open_types.pop()
        kinds.add(kind)
        open_types.extend(get_args(kind))
    return kinds


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a table, or None for a single value."""
    for kind in _members(field):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def fields_of(model: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    """Return the fields of a model: tables last, as TOML requires, and carriers at the end."""
    return sorted(
        model.model_fields.items(),
        key=lambda item: (section_of(item[1]) is not None, item[0] in CARRIERS),
    )


def list_settings(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[Setting]:
    """Yield every setting."""
    for name, field in fields_of(model):
        key = f"{prefix}{field.alias or name}"
        if (section := section_of(field)) is not None:
            yield from list_settings(section, f"{key}.")
        else:
            yield Setting(key, field)


SETTINGS = {setting.key: setting for setting in list_settings()}
FILE_KEYS = {setting.file_key: setting for setting in SETTINGS.values() if setting.file_key}
SECTIONS = frozenset(key.rpartition(".")[0] for key in SETTINGS if "." in key)
