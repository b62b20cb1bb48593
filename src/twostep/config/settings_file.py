"""The settings file: where to look for it, and who must own it.

It names programs to run (`key_command`, `[command]`), so anyone who can write it can run programs
as the user who reads it, root included.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from shlex import quote

from twostep.config.file_owner import SERVICE_USER, user_name
from twostep.config.problems import ConfigError


SYSTEM_FILE = Path("/etc/twostep/twostep.toml")
LOCAL_FILE = Path("twostep.toml")
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_ROOT = 0


def find_config() -> Path | None:
    """Return the settings file to use if none is named, or None if there is none.

    Raises ConfigError if the one in the working directory may be somebody else's.
    """
    if _is_there(SYSTEM_FILE):
        return SYSTEM_FILE
    try:
        name, file, folder = LOCAL_FILE.lstat(), LOCAL_FILE.stat(), Path().stat()
    except OSError:  # missing, or in a directory the caller cannot read
        return None
    if not stat.S_ISREG(file.st_mode) or not os.access(LOCAL_FILE, os.R_OK, effective_ids=True):
        return None
    if reason := _reason_for_doubt(name, file, folder):
        raise ConfigError(
            [f"./{LOCAL_FILE}: {reason}. Name the file that is meant: twostep --config FILE …"]
        )
    return LOCAL_FILE


def require_trusted_owner(path: Path, descriptor: int) -> None:
    """Raise ConfigError unless only root or the caller can have written the open file.

    This checks the open file, not its path, which may lead to another file a moment later.
    """
    file, caller = os.fstat(descriptor), os.geteuid()
    if file.st_uid not in {_ROOT, caller}:
        trusted = "root" if caller == _ROOT else f"root or {user_name(caller)}"
        remedy = f"Read it, and if all of it is meant, run: sudo chown root {quote(str(path))}"
        raise ConfigError(
            [f"{path}: belongs to {user_name(file.st_uid)}, not to {trusted}. {remedy}"]
        )
    if file.st_mode & _WRITABLE_BY_OTHERS:
        raise ConfigError([f"{path}: others may write it. Run: chmod go-w {quote(str(path))}"])


def say_unreadable(path: Path, error: OSError) -> str:
    """Return the error message for a settings file that cannot be read."""
    closed = path == SYSTEM_FILE and isinstance(error, PermissionError)
    if closed and user_name(os.geteuid()) != SERVICE_USER:
        return f"You may not read {path}. Run: sudo -u {SERVICE_USER} twostep …"
    return f"{path}: cannot be read: {error.strerror}"


def _is_there(path: Path) -> bool:
    """Whether it exists or may exist: if looking is forbidden, opening it will say so."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _reason_for_doubt(name: os.stat_result, file: os.stat_result, folder: os.stat_result) -> str:
    """Why a file that nobody named may not be the caller's own choice; empty if it is.

    `name` is the directory entry, which may be a link. Others who can change the directory can put
    a link or another of the caller's files in its place, and put the programs it names beside it.
    """
    caller = os.geteuid()
    for entry in (name, file):
        if entry.st_uid != caller:
            return f"belongs to {user_name(entry.st_uid)}, not to {user_name(caller)}"
    open_to_others = folder.st_mode & _WRITABLE_BY_OTHERS and not folder.st_mode & stat.S_ISVTX
    if open_to_others or folder.st_uid not in {_ROOT, caller}:
        return "others may change the folder it is in"
    return ""


def digest_of(path: Path | None) -> bytes | None:
    """A digest of a settings file, to see whether it has changed; None if there is none to read."""
    try:
        return None if path is None else hashlib.sha256(path.read_bytes()).digest()
    except OSError:  # said when it is read
        return None
