"""The demo's folder: settings file, key file and database, created at the first start and kept.

A folder with a real installation is refused: the demo would overwrite its settings and add accounts
with well-known passwords.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from twostep.config import ConfigError, Settings, load, parse_set
from twostep.config.listing import FILE_KEYS, PREFIX, SECTIONS, SETTINGS
from twostep.core import key_file
from twostep.core.outage import StoreUnavailable
from twostep.core.sealing import Keyring, new_key
from twostep.main import StartError, database_path, upgrade_schema
from twostep.store import installation
from twostep.store.engine.sqlite import SqliteStore


SETTINGS_FILE = "twostep.toml"
_DATABASE = "twostep.sqlite3"
_KEYS = "twostep.key"
_LOCK = ".twostep-demo.lock"
_HEAD = """\
# Settings of a Twostep demo, written anew at every start: change them with --set KEY=VALUE.
# With this file the command line works beside the demo; no server but the demo takes it.
"""
_DEFAULTS: Mapping[str, object] = {
    "panel_name": "Example Panel",
    "support_email": "help@example.com",
    "support_hours": "Monday to Friday, 9:00 to 17:00",
    "log_level": "warning",
    "policy.require_two_step": "none",
    "delivery.countries": ["all"],
}
# What makes it a demo: loopback only, its own database and keys, no messages leave the machine.
_DECIDED = frozenset(
    {
        *("public_url", "data_dir", "database_url", "key", "key_file", "key_command"),
        *("trusted_proxies", "delivery.sms", "delivery.call", "delivery.email", "twilio", "smtp"),
    }
)


@contextmanager
def open_folder(data_dir: Path | None) -> Iterator[Path]:
    """The folder, locked by this process: `data_dir`, or a temporary one that is removed at the end.

    Raises `StartError`.
    """
    temporary = data_dir is None
    folder = Path(tempfile.mkdtemp(prefix="twostep-demo-")) if data_dir is None else data_dir
    folder = folder.expanduser().absolute()
    try:
        with _lock_folder(folder):
            yield folder
    finally:
        if temporary:
            shutil.rmtree(folder, ignore_errors=True)


async def prepare(folder: Path, *, public_url: str, sets: list[str]) -> Settings:
    """Create what is missing and return the settings. Raises `StartError` and `ConfigError`."""
    database = folder / _DATABASE
    if any((folder / name).exists() for name in (SETTINGS_FILE, _DATABASE, _KEYS)) and not (
        database.exists() and await _read_fact(database) is not None
    ):
        raise StartError(
            f"{folder} holds something that is not a demo; it was left alone."
            " Choose another folder with --data-dir."
        )
    settings = _write_settings(folder, public_url=public_url, sets=sets)
    upgrade_schema(settings)
    await _write_fact(database_path(settings), public_url)
    if not (folder / _KEYS).exists():
        _write_private(folder / _KEYS, key_file.format_keyring(Keyring((new_key(),))))
    return settings


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / _LOCK).open("w")
    except OSError as error:
        raise StartError(f"{folder} cannot be used: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(f"Another demo is running in {folder}.") from None
        yield


async def _read_fact(database: Path) -> str | None:
    try:
        store = SqliteStore(database)
    except StoreUnavailable:
        return None
    try:
        return store.read_now(installation.load, installation.DEMO)
    except StoreUnavailable:  # no such table
        return None
    finally:
        await store.close()


async def _write_fact(database: Path, public_url: str) -> None:
    store = SqliteStore(database)
    try:
        await store.run(installation.save, installation.DEMO, public_url)
    finally:
        await store.close()


def _write_settings(folder: Path, *, public_url: str, sets: list[str]) -> Settings:
    overrides = _read_sets(sets)
    console = ["console"]
    decided: dict[str, object] = {
        "public_url": public_url,
        "data_dir": str(folder),
        "delivery.sms": console,
        "delivery.call": console,
        "delivery.email": console,
    }
    values = {**_DEFAULTS, **overrides, **decided}
    draft = folder / f"{SETTINGS_FILE}.new"
    lines = [f"{key} = {_toml(value)}\n" for key, value in values.items()]
    _write_private(draft, _HEAD + "".join(lines))
    try:
        settings = load(draft, environ=_environment(), overrides={**overrides, **decided})
        draft.replace(folder / SETTINGS_FILE)
    finally:
        draft.unlink(missing_ok=True)
    return settings


def _read_sets(sets: list[str]) -> dict[str, object]:
    """All `--set` options by dotted key; tables are flattened."""
    values: dict[str, object] = {}
    for text in sets:
        key, value = parse_set(text)
        if key in SECTIONS and isinstance(value, dict):
            values |= {f"{key}.{name}": inner for name, inner in value.items()}
        elif key in SETTINGS and SETTINGS[key].is_path and isinstance(value, str):
            values[key] = str(Path.cwd() / Path(value).expanduser())
        else:
            values[key] = value
    if decided := sorted(key for key in values if _is_decided(key)):
        raise ConfigError([f"--set {key}: the demo decides this itself" for key in decided])
    return values


def _is_decided(key: str) -> bool:
    plain = FILE_KEYS[key].key if key in FILE_KEYS else key
    return plain in _DECIDED or plain.split(".")[0] in _DECIDED


def _environment() -> dict[str, str]:
    """The environment without the settings that the demo decides."""
    return {
        name: value
        for name, value in os.environ.items()
        if not _is_decided(name.removeprefix(PREFIX).lower().replace("__", "."))
    }


def _toml(value: object) -> str:
    """A value in TOML, which strings, numbers, booleans and lists share with JSON."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
