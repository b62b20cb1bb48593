"""The settings file: where it is looked for, and whose it must be.

It names programs that are run (`key_command`, `[command]`), so whoever can write it runs programs in
the name of whoever reads it, root included.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path
from shlex import quote

from twostep.config.problems import ConfigError


SYSTEM_FILE = Path("/etc/twostep/twostep.toml")
LOCAL_FILE = Path("twostep.toml")
SERVICE_USER = "twostep"
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_ROOT = 0


def find_config() -> Path | None:
    """Return the settings file that counts when none is named, None when there is none.

    Raises ConfigError when the one in the working folder may be somebody else's.
    """
    if _is_there(SYSTEM_FILE):
        return SYSTEM_FILE
    try:
        name, file, folder = LOCAL_FILE.lstat(), LOCAL_FILE.stat(), Path().stat()
    except OSError:  # not there, or the folder is closed to the caller, as other people's homes are
        return None
    if not stat.S_ISREG(file.st_mode) or not os.access(LOCAL_FILE, os.R_OK, effective_ids=True):
        return None
    if reason := _doubt(name, file, folder):
        raise ConfigError(
            [f"./{LOCAL_FILE}: {reason}. Name the file that is meant: twostep --config FILE …"]
        )
    return LOCAL_FILE


def review_opened(path: Path, descriptor: int) -> None:
    """Raise ConfigError unless root or the caller alone can have written the file that is open.

    The open file is asked, not its name: that may lead to another one a moment later.
    """
    file, caller = os.fstat(descriptor), os.geteuid()
    if file.st_uid not in {_ROOT, caller}:
        trusted = "root" if caller == _ROOT else f"root or {_user(caller)}"
        remedy = f"Read it, and if all of it is meant, run: sudo chown root {quote(str(path))}"
        raise ConfigError([f"{path}: belongs to {_user(file.st_uid)}, not to {trusted}. {remedy}"])
    if file.st_mode & _WRITABLE_BY_OTHERS:
        raise ConfigError([f"{path}: others may write it. Run: chmod go-w {quote(str(path))}"])


def say_unreadable(path: Path, error: OSError) -> str:
    """The line for a settings file that cannot be read."""
    closed = path == SYSTEM_FILE and isinstance(error, PermissionError)
    if closed and _user(os.geteuid()) != SERVICE_USER:
        return f"You may not read {path}. Run: sudo -u {SERVICE_USER} twostep …"
    return f"{path}: cannot be read: {error.strerror}"


def _is_there(path: Path) -> bool:
    """Whether it is there, or may be: where looking is forbidden, opening it says so."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _doubt(name: os.stat_result, file: os.stat_result, folder: os.stat_result) -> str:
    """Why a file that nobody named may not be what the caller put there; empty when it is.

    `name` is the entry in the folder, which may be a link. Where others can change the folder, they
    can put a link, or another file of the caller's, in its place, and what it names beside it.
    """
    caller = os.geteuid()
    for entry in (name, file):
        if entry.st_uid != caller:
            return f"belongs to {_user(entry.st_uid)}, not to {_user(caller)}"
    open_to_others = folder.st_mode & _WRITABLE_BY_OTHERS and not folder.st_mode & stat.S_ISVTX
    if open_to_others or folder.st_uid not in {_ROOT, caller}:
        return "others may change the folder it is in"
    return ""


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
