"""Where the keys come from: a file, a command or the environment; and writing the file anew."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shlex
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from twostep.config import Settings
from twostep.core import key_file
from twostep.core.sealing import Keyring


COMMAND_SECONDS = 10
LOOK_EVERY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class KeysUnreadable(Exception):
    """The keys cannot be read; the text says why and what to do."""


class Keys:
    """The keyring in use. Where `reread` is given it is asked again, once a second at most, and at
    once when a value names an unknown key; it answers None while nothing has changed."""

    def __init__(
        self, ring: Keyring, *, reread: Callable[[], Keyring | None] | None = None
    ) -> None:
        self._ring = ring
        self._reread = reread
        self._next_look = time.monotonic() + LOOK_EVERY_SECONDS

    @property
    def ring(self) -> Keyring:
        """The keys as they are now."""
        if self._reread is not None and time.monotonic() >= self._next_look:
            self.look()
        return self._ring

    def look(self) -> Keyring:
        """Ask the source at once."""
        self._next_look = time.monotonic() + LOOK_EVERY_SECONDS
        if self._reread is not None:
            self._ring = self._reread() or self._ring
        return self._ring


def open_keys(settings: Settings) -> Keys:
    """Read the keys, and again whenever their file has changed. Raises `KeysUnreadable`."""
    path = settings.key_path
    if path is None:
        return Keys(read_keyring(settings))
    seen = _stamp(path)

    def reread() -> Keyring | None:
        nonlocal seen
        now = _stamp(path)
        if now == seen:
            return None
        try:
            ring = read_keyring(settings)
        except KeysUnreadable as error:  # the keys read before go on working
            log.warning("keys.not_read_again", error=str(error))
            return None
        finally:
            seen = now
        log.info("keys.read_again", key_id=ring.newest.id, count=len(ring.keys))
        return ring

    return Keys(read_keyring(settings), reread=reread)


def read_keyring(settings: Settings) -> Keyring:
    """Read the keys once. Raises `KeysUnreadable`."""
    try:
        return key_file.parse_keyring(_key_text(settings))
    except ValueError as error:
        path = settings.key_path
        what = "The keys" if path is None else f"The key file {path}"
        why = str(error).removeprefix("key file").lstrip(",: ")
        raise KeysUnreadable(f"{what} cannot be read: {why}. Put back a copy.") from None


@asynccontextmanager
async def only_writer(path: Path) -> AsyncIterator[None]:
    """Read the key file and write it anew without another process between the two.

    Two who both add a key to what they have read would leave one of the keys in no file, and what was
    sealed under it meanwhile could never be opened. Raises OSError.
    """
    folder = _open_folder(path)
    try:
        await asyncio.to_thread(fcntl.flock, folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write_keyring(path: Path, keyring: Keyring) -> None:
    """Put a key file in the old one's place: whole or not at all, same owner, for nobody else.

    Raises OSError.
    """
    target = path.resolve()
    old = target.stat()
    draft = target.with_name(f".{target.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, 0o600)
            if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, old.st_uid, old.st_gid)
            file.write(key_file.format_keyring(keyring))
            file.flush()
            os.fsync(descriptor)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    folder = _open_folder(path)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _open_folder(path: Path) -> int:
    """Where the file really is, behind links."""
    return os.open(path.resolve().parent, os.O_RDONLY)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What tells one version of the file from another; rights count too."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _key_text(settings: Settings) -> str:
    if settings.key is not None:
        return settings.key.get_secret_value()
    if settings.key_command is not None:
        try:
            done = subprocess.run(  # noqa: S603  the operator's own command, split, without a shell
                shlex.split(settings.key_command),
                capture_output=True,
                check=True,
                text=True,
                timeout=COMMAND_SECONDS,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise KeysUnreadable(f"key_command failed: {type(error).__name__}") from None
        return done.stdout
    path = settings.key_path
    if path is None:
        raise KeysUnreadable("No keys: set key_file, key_command or TWOSTEP_KEY.")
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KeysUnreadable(
            f"The key file {path} does not exist. Put back the one that belongs to the database; for"
            " a new installation run: twostep init"
        ) from None
    except UnicodeDecodeError:
        raise KeysUnreadable(
            f"The key file {path} cannot be read: it is no text. Put back a copy of it."
        ) from None
    except OSError as error:
        raise KeysUnreadable(f"The key file {path} cannot be read: {error.strerror}") from None
    if mode & 0o077:
        raise KeysUnreadable(f"The key file {path} can be read by others. Run: chmod 600 {path}")
    return text
