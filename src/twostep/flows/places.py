"""Roughly where a network is, if the operator provides a database (setting `geo_database`).

Reads city and country from GeoLite2, DB-IP and IPinfo files. A replaced file is reloaded; an
unreadable one yields no places and is logged once.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from twostep.config import Settings
from twostep.config.operate import lacks_extra
from twostep.names import country_name


if TYPE_CHECKING:
    from maxminddb import Reader


LONGEST_NAME = 80
NO_READER = lacks_extra("geo_database needs a library", "geo")
# What the library raises for a bad file: its own error is a RuntimeError, but others escape it.
_FAULTS = (OSError, RuntimeError, TypeError, ValueError)

log = structlog.get_logger(__name__)


def place_of(settings: Settings, network: str | None, language: str) -> str | None:
    """City and country in words; None without a database or without an entry for the network."""
    if settings.geo_database is None or not network:
        return None
    reader = _current(settings.geo_database)
    if reader is None:
        return None
    try:
        record = reader.get(ip_address(network))
    except _FAULTS:  # the network is not an address, or the file is broken
        return None
    return _words(record, language)


def lacks_reader(settings: Settings) -> bool:
    """Whether a database is configured but the library that reads it is not installed."""
    return settings.geo_database is not None and find_spec("maxminddb") is None


def places_problem(path: Path) -> str | None:
    """What is wrong with the file; None if it can be read."""
    try:
        _open(path).close()
    except OSError as error:
        return error.strerror or str(error)
    except _FAULTS:
        return "it is no MMDB file, or a broken one"
    return None


def _current(path: Path) -> Reader | None:
    try:
        stat = path.stat()
    except OSError:
        return _open_cached(path, 0, 0)
    return _open_cached(path, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=1)
def _open_cached(path: Path, modified_at: int, inode: int) -> Reader | None:
    """Open the file. `modified_at`, `inode`: cache keys, so a replaced file is opened again."""
    try:
        return _open(path)
    except _FAULTS as error:
        log.warning(
            "places.unreadable", file=path.name, error=str(error), at=modified_at, inode=inode
        )
        return None


def _open(path: Path) -> Reader:
    """Open without loading: bytes are read on demand, as these files can be hundreds of megabytes."""
    from maxminddb import open_database  # noqa: PLC0415  optional; takes 0.05 s

    return open_database(path)


def _words(record: Any, language: str) -> str | None:
    if not isinstance(record, dict):
        return None
    city = _name(record.get("city"), language)
    country = record.get("country")
    code = country.get("iso_code") if isinstance(country, dict) else country
    if not isinstance(code, str) or not (code.isascii() and code.isalpha() and len(code) == 2):
        code = record.get("country_code")
    country_text = country_name(code.upper(), language) if isinstance(code, str) and code else ""
    return ", ".join(part for part in (city, country_text) if part) or None


def _name(city: Any, language: str) -> str:
    """A city's name, stored as one text or as one per language."""
    names = city.get("names") if isinstance(city, dict) else city
    name = (names.get(language) or names.get("en")) if isinstance(names, dict) else names
    return name[:LONGEST_NAME] if isinstance(name, str) else ""
