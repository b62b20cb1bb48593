"""Where a network roughly is, where the operator has a file that says so (setting `geo_database`).

City and country of GeoLite2, DB-IP and IPinfo files. A file that is replaced is read anew; one that
cannot be read names no place, and says so once in the log.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from twostep.config import Settings
from twostep.i18n import country_name


if TYPE_CHECKING:
    from maxminddb import Reader


LONGEST_NAME = 80
NO_READER = "geo_database needs a library that is not installed. Run: pip install 'twostep[geo]'"
# What the library raises about a file: its own error is a RuntimeError, but not all is caught by it.
_FAULTS = (OSError, RuntimeError, TypeError, ValueError)

log = structlog.get_logger(__name__)


def place_of(settings: Settings, network: str | None, language: str) -> str | None:
    """City and country in words, as far as the file knows; None: it does not, or there is none."""
    if settings.geo_database is None or not network:
        return None
    reader = _current(settings.geo_database)
    if reader is None:
        return None
    try:
        record = reader.get(ip_address(network))
    except _FAULTS:  # no address, as where nobody knows it; or a broken file
        return None
    return _words(record, language)


def lacks_reader(settings: Settings) -> bool:
    """Whether a file is named and the library that reads it is not installed."""
    return settings.geo_database is not None and find_spec("maxminddb") is None


def review_places(path: Path) -> str | None:
    """What is wrong with the file; None: it can be read."""
    try:
        _open(path).close()
    except OSError as error:
        return error.strerror or str(error)
    except _FAULTS:
        return "it is no MMDB file, or a broken one"
    return None


def _current(path: Path) -> Reader | None:
    try:
        now = path.stat()
    except OSError:
        return _opened(path, 0, 0)
    return _opened(path, now.st_mtime_ns, now.st_ino)


@lru_cache(maxsize=1)
def _opened(path: Path, written: int, number: int) -> Reader | None:
    """The file as it was written then. `written`, `number`: in the cache's key."""
    try:
        return _open(path)
    except _FAULTS as error:
        log.warning("places.unreadable", file=path.name, error=str(error), at=written, inode=number)
        return None


def _open(path: Path) -> Reader:
    """Its bytes are read as they are needed: such files may have hundreds of megabytes."""
    from maxminddb import open_database  # noqa: PLC0415  an extra; 0.05 s

    return open_database(path)


def _words(record: Any, language: str) -> str | None:
    if not isinstance(record, dict):
        return None
    city = _name(record.get("city"), language)
    country = record.get("country")
    code = country.get("iso_code") if isinstance(country, dict) else country
    if not isinstance(code, str) or not (code.isascii() and code.isalpha() and len(code) == 2):
        code = record.get("country_code")
    named = country_name(code.upper(), language) if isinstance(code, str) and code else ""
    return ", ".join(part for part in (city, named) if part) or None


def _name(city: Any, language: str) -> str:
    """A city's name: one text, or one in each language."""
    names = city.get("names") if isinstance(city, dict) else city
    name = (names.get(language) or names.get("en")) if isinstance(names, dict) else names
    return name[:LONGEST_NAME] if isinstance(name, str) else ""
