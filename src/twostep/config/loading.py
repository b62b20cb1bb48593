"""Loads settings: the TOML file, overridden by the environment, overridden by `--set`.

Unknown keys are looked for in each source separately, so that messages can say where they are.
Relative paths in the file are relative to the file; all others, to the working directory.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from twostep.config.listing import FILE_KEYS, PREFIX, SECTIONS, SETTINGS
from twostep.config.problems import ConfigError, explain, show, unknown_key
from twostep.config.settings import Settings
from twostep.config.settings_file import digest_of, require_trusted_owner, say_unreadable


# Variables that tests use to find fixtures; they are not settings.
_NOT_SETTINGS = frozenset({f"{PREFIX}SPECS", f"{PREFIX}FIXTURES"})
# Kubernetes and `docker --link` put the addresses of a service called "twostep" into every container.
_SERVICE_LINK = re.compile(
    rf"{PREFIX}(?:[A-Z0-9_]*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?"
    r"|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_LINK_WORDS = re.compile(r"_SERVICE_|_PORT(?:_|$)")
_LINK_HINT = (
    ". If Kubernetes set it for a service of that name: enableServiceLinks: false in the pod"
)
_SERVICE_PORT = re.compile(rf"{PREFIX}(?:[A-Z0-9_]*_)?PORT")
_BARE_KEY = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_LONGEST_SECRET = 65_536


@dataclass(slots=True)
class _Source:
    """Values from one source by dotted key. `places`: where each key came from, for messages.
    `files`: where secrets were read, by the key that names the file."""

    name: str
    values: dict[str, object] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, key: str, value: object, *, place: str, folder: Path) -> None:
        self.places[key] = place
        if key in FILE_KEYS:
            self._add_secret(key, value, place=place, folder=folder)
        elif key in SECTIONS:
            self.values[key] = value
        elif key not in SETTINGS:
            self.problems.append(f"{place}: {unknown_key(key)}")
        elif key in self.values:
            self.problems.append(f"{place}: set only one of {key} and {key}_file")
        elif SETTINGS[key].is_path and isinstance(value, str):
            self.values[key] = folder / Path(value).expanduser()
        else:
            self.values[key] = value

    def _add_secret(self, file_key: str, value: object, *, place: str, folder: Path) -> None:
        key = FILE_KEYS[file_key].key
        if key in self.values:
            self.problems.append(f"{place}: set only one of {key} and {file_key}")
        self.places[key] = place
        self.files[file_key] = folder / Path(str(value)).expanduser()
        self.read_secret(file_key)

    def read_secret(self, file_key: str) -> None:
        """Take the secret from its file, or say what is wrong with it."""
        key, path = FILE_KEYS[file_key].key, self.files[file_key]
        reason = "it is empty"
        try:
            with path.open(encoding="utf-8") as lines:
                if secret := lines.read(_LONGEST_SECRET).rstrip("\r\n"):
                    self.values[key] = secret
                    return
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
        self.problems.append(f"{self.places[key]}: {file_key}: cannot read {path}: {reason}")

    def with_secrets_again(self) -> _Source:
        """The same source, its secret files read again."""
        again = replace(self, values=dict(self.values), problems=[])
        for file_key in again.files:
            again.read_secret(file_key)
        return again


def _tree(source: _Source) -> dict[str, Any]:
    """The values of one source as nested tables."""
    tree: dict[str, Any] = {}
    for key, value in sorted(source.values.items()):
        *tables, name = key.split(".")
        branch = tree
        for table in tables:
            branch = branch.setdefault(table, {})
            if not isinstance(branch, dict):
                break
        else:
            branch[name] = value
    return tree


def _merge(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    """Merge `upper` over `lower`, table by table."""
    merged = dict(lower)
    for name, value in upper.items():
        below = merged.get(name)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[name] = _merge(below, value)
        else:
            merged[name] = value
    return merged


def parse_set(text: str) -> tuple[str, object]:
    """Read `KEY=VALUE` from the command line. The value is TOML; a bare word is a string.

    Raises ConfigError if there is no key, or if a list or quoted string is not closed.
    """
    key, equals, raw = (part.strip() for part in text.partition("="))
    if not equals or not _BARE_KEY.fullmatch(key):
        raise ConfigError([f"--set {key or text}: write KEY=VALUE, like policy.phones=off"])
    if raw.startswith("+"):
        return key, raw  # a telephone number: TOML would read an integer and drop the plus
    try:
        parsed = tomllib.loads(f"value = {raw}")
    except tomllib.TOMLDecodeError:
        if raw[:1] in {'"', "'", "[", "{"}:
            raise ConfigError([f"--set {key}: the value is not complete TOML"]) from None
        return key, raw
    return (key, parsed["value"]) if len(parsed) == 1 else (key, raw)


def load(
    path: Path | None,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Load the settings from `path` (None: no file), the environment and `--set`; later ones win.

    `environ` defaults to the process's environment; `overrides` maps dotted keys to values, as
    `parse_set` returns them. Raises ConfigError with all problems at once.
    """
    return read_settings(path, environ=environ, overrides=overrides).settings


@dataclass(frozen=True, slots=True)
class SettingsReader:
    """Settings, and what is needed to read their secret files again while a server runs.

    `digest`: of the settings file, None if there is none.
    """

    settings: Settings
    path: Path | None
    digest: bytes | None
    sources: tuple[_Source, ...] = field(repr=False)

    @property
    def secret_files(self) -> list[Path]:
        """The files that hold secrets."""
        return [path for source in self.sources for path in source.files.values()]

    def with_secrets_again(self) -> SettingsReader:
        """Read the secret files again, and nothing else. Raises `ConfigError`."""
        again = tuple(source.with_secrets_again() for source in self.sources)
        return replace(self, sources=again, settings=_validate(again))

    def changed_secrets(self, before: SettingsReader) -> list[str]:
        """Keys of the secrets that differ from those read before."""
        return [
            FILE_KEYS[file_key].key
            for source, earlier in zip(self.sources, before.sources, strict=True)
            for file_key in source.files
            if source.values[FILE_KEYS[file_key].key] != earlier.values[FILE_KEYS[file_key].key]
        ]

    def is_file_changed(self) -> bool:
        """Whether the settings file is not what it was when it was read."""
        return digest_of(self.path) != self.digest


def read_settings(
    path: Path | None,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> SettingsReader:
    """As `load`, for servers that may be asked to read secrets again."""
    digest = digest_of(path)
    sources = (
        _read_overrides(overrides or {}),
        _read_environment(os.environ if environ is None else environ),
        _read_file(path),
    )
    return SettingsReader(_validate(sources), path, digest, sources)


def _validate(sources: Sequence[_Source]) -> Settings:
    problems = [problem for source in reversed(sources) for problem in source.problems]
    try:
        settings = Settings.model_validate(reduce(_merge, map(_tree, reversed(sources))))
    except ValidationError as error:
        problems.extend(_place(key, fix, sources) for key, fix in explain(error).items())
        raise ConfigError(problems) from None
    if problems:
        raise ConfigError(problems)
    return settings


def _read_overrides(overrides: Mapping[str, object]) -> _Source:
    source = _Source("--set")
    for key, value in overrides.items():
        source.add(key, value, place="--set", folder=_here())
    return source


def _read_environment(environ: Mapping[str, str]) -> _Source:
    source = _Source("environment")
    for variable, value in sorted(environ.items()):
        if not variable.startswith(PREFIX) or variable in _NOT_SETTINGS:
            continue
        if _is_service_link(variable, value):
            continue
        key = variable.removeprefix(PREFIX).lower().replace("__", ".")
        source.add(key, value, place=variable, folder=_here())
        if key not in SETTINGS and _LINK_WORDS.search(variable):
            source.problems[-1] += _LINK_HINT
    return source


def list_service_links(environ: Mapping[str, str]) -> list[str]:
    """Variables that look like settings but are addresses of services; they are passed over."""
    return sorted(name for name, value in environ.items() if _is_service_link(name, value))


def _is_service_link(variable: str, value: str) -> bool:
    if "__" in variable:  # a setting within a table
        return False
    has_url = _SERVICE_PORT.fullmatch(variable) is not None and "://" in value
    return has_url or _SERVICE_LINK.fullmatch(variable) is not None


def _here() -> Path:
    """The working directory; where there is none any more, or it cannot be read, relative paths stay
    as they are."""
    try:
        return Path.cwd()
    except OSError:
        return Path()


def _read_file(path: Path | None) -> _Source:
    source = _Source(str(path or "settings"))
    if path is None:
        return source
    try:
        with path.open("rb") as file:
            require_trusted_owner(path, file.fileno())
            tree = tomllib.load(file)
    except OSError as error:
        raise ConfigError([say_unreadable(path, error)]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: is not TOML: {error}"]) from None
    for key, value in _flatten(tree):
        source.add(key, value, place=source.name, folder=path.absolute().parent)
    return source


def _flatten(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        key = prefix + name
        if isinstance(value, dict) and key in SECTIONS:
            yield key, {}
            yield from _flatten(value, f"{key}.")
        else:
            yield key, value


def _place(key: str, fix: str, sources: Sequence[_Source]) -> str:
    """Prefix a fix with the place, key and value."""
    for source in sources:
        if key in source.places:
            return f"{source.places[key]}: {show(key, source.values.get(key))}: {fix}"
    return f"{sources[-1].name}: {key}: {fix}" if key else f"{sources[-1].name}: {fix}"
