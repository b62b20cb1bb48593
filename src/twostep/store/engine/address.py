"""What a `database_url` says: which engine, which file, and how it is shown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


UNNAMED = "the database"  # where nobody knows at what place in the address the password is


def sqlite_path(url: str) -> Path | None:
    """The file of `sqlite:///PATH`, or of `sqlite:PATH`; None for another engine."""
    scheme, _, rest = url.partition(":")
    if scheme != "sqlite":
        return None
    path = rest.removeprefix("//")
    return Path(path.removeprefix("/")) if path.startswith("//") else Path(path)


def describe(url: str) -> str:
    """The database in words for the operator, without a password: PostgreSQL's as its own library
    reads the address, because a second reading could take a part of the password for something else."""
    path = sqlite_path(url)
    if path is not None:
        return str(path)
    try:
        from psycopg import ProgrammingError  # noqa: PLC0415  an extra
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415
    except ModuleNotFoundError:
        return UNNAMED
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:
        return UNNAMED
    if is_misread(url, parts):
        return UNNAMED
    name = parts.get("dbname") or parts.get("user") or UNNAMED
    return f"{name} on {_places(parts)}"


def is_misread(url: str, parts: Mapping[str, object]) -> bool:
    """Whether a special character that was not encoded cut the address (`parts`: as the library reads
    it) at the wrong place, so that any part of it may be a part of the password."""
    ports = str(parts.get("port", "")).replace(",", "")
    if ports and not (ports.isascii() and ports.isdigit()):
        return True
    rest = url.partition("://")[2]
    before, at, after = rest.partition("@")
    place = after if at and "/" not in before else rest  # as the library looks for the first @
    return "@" in place.partition("?")[0]


def _places(parts: Mapping[str, object]) -> str:
    hosts = str(parts.get("host") or parts.get("hostaddr") or "").split(",")
    ports = str(parts.get("port", "")).split(",")
    if len(ports) < len(hosts):
        ports = ports[:1] * len(hosts)
    return ", ".join(map(_place, hosts, ports))


def _place(host: str, port: str) -> str:
    if not host or host.startswith(("/", "@")):
        return f"the socket in {host}" if host else "this machine's socket"
    return f"{f'[{host}]' if ':' in host else host}{port and f':{port}'}"


def file_identity(path: Path) -> tuple[int, int]:
    """What tells the file from another of its name. Raises OSError."""
    status = os.stat(path)  # noqa: PTH116  before every read; half of it would be pathlib's
    return status.st_dev, status.st_ino
