"""Load the keys from a file, a command or the environment, and rewrite the key file."""

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
from twostep.core.outage import StoreUnavailable
from twostep.core.sealing import Keyring


COMMAND_SECONDS = 10
REFRESH_EVERY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class KeysUnreadable(Exception):
    """The keys cannot be read; the message says why and what to do."""


class KeysAway(KeysUnreadable):
    """The program that keeps the keys does not give them now; it may later."""


class Keys:
    """The keyring in use, kept up to date through `reread` if given.

    `reread` is called at most once a second, and at once when a value names an unknown key; it
    returns None while nothing has changed.
    """

    def __init__(
        self, ring: Keyring, *, reread: Callable[[], Keyring | None] | None = None
    ) -> None:
        self._ring = ring
        self._reread = reread
        self._fits: Callable[[Keyring], bool] = lambda _: True
        self._offered: Keyring | None = None
        self._next_refresh = time.monotonic() + REFRESH_EVERY_SECONDS

    @property
    def ring(self) -> Keyring:
        """The current keys."""
        if self._reread is not None and time.monotonic() >= self._next_refresh:
            self.refresh()
        return self._ring

    def accept_only(self, fits: Callable[[Keyring], bool]) -> None:
        """Take changed keys only if `fits` says that they are the database's."""
        self._fits = fits

    def refresh(self) -> Keyring:
        """Re-read the source now."""
        self._next_refresh = time.monotonic() + REFRESH_EVERY_SECONDS
        if self._reread is None:
            return self._ring
        self._offered = self._reread() or self._offered
        if self._offered is not None:
            self._judge(self._offered)
        return self._ring

    def _judge(self, offered: Keyring) -> None:
        try:
            fits = self._fits(offered)
        except StoreUnavailable:  # asked again at the next refresh
            return
        self._offered = None
        if fits:
            self._ring = offered
            log.info("keys.read_again", key_id=offered.newest.id, count=len(offered.keys))
        else:
            log.error(
                "keys.not_read_again",
                error="they are not this database's",
                kept=self._ring.newest.id,
            )


def open_keys(settings: Settings) -> Keys:
    """Read the keys, and re-read them whenever their file changes. Raises `KeysUnreadable`."""
    path = settings.key_path
    if path is None:
        return Keys(read_keyring(settings))
    last_stamp = _stamp(path)

    def reread() -> Keyring | None:
        nonlocal last_stamp
        stamp = _stamp(path)
        if stamp == last_stamp:
            return None
        try:
            ring = read_keyring(settings)
        except KeysUnreadable as error:  # keep using the keys read before
            log.warning("keys.not_read_again", error=str(error))
            return None
        finally:
            last_stamp = stamp
        return ring

    return Keys(read_keyring(settings), reread=reread)


def read_keyring(settings: Settings) -> Keyring:
    """Read the keys once. Raises `KeysUnreadable`."""
    try:
        return key_file.parse_keyring(_key_text(settings))
    except ValueError as error:
        path = settings.key_path
        source = "The keys" if path is None else f"The key file {path}"
        why = str(error).removeprefix("key file").lstrip(",: ")
        raise KeysUnreadable(f"{source} cannot be read: {why}. Put back a copy.") from None


@asynccontextmanager
async def only_writer(path: Path) -> AsyncIterator[None]:
    """Hold the key file's lock from reading it to rewriting it.

    Otherwise two processes could each add a key to what they read: one key would be lost, and
    everything sealed with it could never be opened. Raises OSError.
    """
    folder = _open_folder(path)
    try:
        await asyncio.to_thread(fcntl.flock, folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write_keyring(path: Path, keyring: Keyring) -> None:
    """Replace the key file atomically, with the same owner and no access for anybody else.

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
    """Open the file's real folder, with symbolic links resolved."""
    return os.open(path.resolve().parent, os.O_RDONLY)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """A stamp that changes with the file's content or permissions; None if it is unreadable."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def _key_text(settings: Settings) -> str:
    if settings.key is not None:
        return settings.key.get_secret_value()
    if settings.key_command is not None:
        return _output_of(settings.key_command)
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


def _output_of(command: str) -> str:
    """What the operator's own command prints. Its messages are not repeated: they may hold a key."""
    try:
        words = shlex.split(command)
        process = subprocess.run(  # noqa: S603  split, without a shell
            words, capture_output=True, check=True, text=True, timeout=COMMAND_SECONDS
        )
    except ValueError:
        raise KeysUnreadable(
            "key_command cannot be split into words, or what it prints is no text. Check its quotes."
        ) from None
    except FileNotFoundError:
        raise KeysUnreadable(
            f"key_command failed: there is no program {words[0]}. Write its whole path."
        ) from None
    except OSError as error:
        raise KeysUnreadable(
            f"key_command failed: {words[0]} cannot be run: {error.strerror}. Let the server's user"
            " run it."
        ) from None
    except subprocess.TimeoutExpired:
        raise KeysAway(
            f"key_command failed: it printed nothing for {COMMAND_SECONDS} seconds. Run it by hand, as"
            " the server's user."
        ) from None
    except subprocess.CalledProcessError as error:
        ending = f"exit code {error.returncode}" if error.returncode > 0 else "a signal"
        raise KeysAway(
            f"key_command failed: it ended with {ending}. Run it by hand, as the server's user, to see"
            " why."
        ) from None
    return process.stdout
