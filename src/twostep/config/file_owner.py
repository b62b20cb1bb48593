"""Who files belong to: the name of a user, and the owner of what root writes for the service."""

from __future__ import annotations

import os
import pwd
from pathlib import Path


SERVICE_USER = "twostep"
_ROOT = 0


def user_name(uid: int) -> str:
    """The user's name, or `user 1234` if there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def hand_over(path: Path, *, like: Path) -> None:
    """Give a file that root has just made the owner of `like`; otherwise the service, which runs as
    that user, could not use it. Does nothing for other users. Raises OSError."""
    if os.geteuid() != _ROOT:
        return
    owner = like.stat()
    if owner.st_uid != path.stat().st_uid:
        os.chown(path, owner.st_uid, owner.st_gid)


def service_user_takes(folder: Path) -> None:
    """Give a folder that root has just made to the service's user, if there is one. Raises OSError."""
    if os.geteuid() != _ROOT:
        return
    try:
        user = pwd.getpwnam(SERVICE_USER)
    except KeyError:
        return
    os.chown(folder, user.pw_uid, user.pw_gid)
