"""Where a network roughly is, where the operator has a file that says so (setting `geo_database`).

City and country of GeoLite2, DB-IP and IPinfo files. A file that is replaced is read anew; one that
cannot be read names no place, and says so once in the log.
"""

from __future__ import annotations

import mmap
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import structlog

from twostep.config import Settings
from twostep.core.mmdb import Mmdb, find, open_mmdb
from twostep.i18n import country_name


LONGEST_NAME = 80

log = structlog.get_logger(__name__)


def place_of(settings: Settings, network: str | None, language: str) -> str | None:
    """City and country in words, as far as the file knows; None: it does not, or there is none."""
    if settings.geo_database is None or not network:
        return None
    try:
        mmdb = _current(settings.geo_database)
        found = find(mmdb, ip_address(network)) if mmdb else None
    except ValueError:  # no address, as where nobody knows it; or a broken file
        return None
    return _words(found, language)


def review_places(path: Path) -> str | None:
    """What is wrong with the file; None: it can be read."""
    try:
        open_mmdb(_mapped(path))
    except (OSError, ValueError) as error:
        return str(error)
    return None


def _current(path: Path) -> Mmdb | None:
    try:
        now = path.stat()
    except OSError:
        return _opened(path, 0, 0)
    return _opened(path, now.st_mtime_ns, now.st_ino)


@lru_cache(maxsize=1)
def _opened(path: Path, written: int, number: int) -> Mmdb | None:
    """The file as it was written then. `written`, `number`: in the cache's key."""
    try:
        return open_mmdb(_mapped(path))
    except (OSError, ValueError) as error:
        log.warning("places.unreadable", file=path.name, error=str(error), at=written, inode=number)
        return None


def _mapped(path: Path) -> memoryview:
    """The file's bytes, read as they are needed: such files may have hundreds of megabytes."""
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _words(found: Any, language: str) -> str | None:
    if not isinstance(found, dict):
        return None
    city = _name(found.get("city"), language)
    country = found.get("country")
    code = country.get("iso_code") if isinstance(country, dict) else country
    if not isinstance(code, str) or not (code.isascii() and code.isalpha() and len(code) == 2):
        code = found.get("country_code")
    named = country_name(code.upper(), language) if isinstance(code, str) and code else ""
    return ", ".join(part for part in (city, named) if part) or None


def _name(city: Any, language: str) -> str:
    """A city's name: one text, or one in each language."""
    names = city.get("names") if isinstance(city, dict) else city
    name = (names.get(language) or names.get("en")) if isinstance(names, dict) else names
    return name[:LONGEST_NAME] if isinstance(name, str) else ""
