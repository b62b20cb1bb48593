"""What countries, cities and browsers are called in the reader's language, and in which order they
stand."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel.core import get_global

from twostep.i18n import N_, locale_of, translator


# The first part of a zone's name, with Unicode's code for that part of the world.
_AREAS = {
    "Africa": "002",
    "America": "019",
    "Antarctica": "AQ",
    "Arctic": "150",
    "Asia": "142",
    "Atlantic": "",
    "Australia": "AU",
    "Europe": "150",
    "Indian": "",
    "Pacific": "009",
}
_OCEANS = {"Atlantic": N_("Atlantic Ocean"), "Indian": N_("Indian Ocean")}
_ON = " on "
_DEVICES = {"iPhone", "iPad"}


@dataclass(frozen=True, slots=True)
class TimeZone:
    """A zone in words: `Asia/Kolkata`, Kolkata, `UTC+5:30`, and names that browsers may still call it
    by."""

    zone: str
    city: str
    offset: str
    old: tuple[str, ...]


def sort_key(name: str) -> str:
    """What to sort names by: letters without their marks, as German and French dictionaries do."""
    letters = (c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return "".join(c for c in letters if c.isalnum() or c.isspace()).casefold()


@lru_cache(maxsize=4096)
def browser_name(browser: str, language: str) -> str:
    """Write a browser and its system, kept as `core.user_agent` says them, in a language."""
    program, on, system = browser.partition(_ON)
    if not on:
        return browser
    words = translator(language)
    if system in _DEVICES:
        pattern = words.pgettext("device", "%(browser)s on %(system)s")
    else:
        pattern = words.gettext("%(browser)s on %(system)s")
    return pattern % {"browser": program, "system": system}


@lru_cache(maxsize=4096)
def country_name(region: str, language: str) -> str:
    """Return the name of a region (CLDR code) in a language, or the code itself if it has none."""
    return str(locale_of(language).territories.get(region, region))


@lru_cache(maxsize=4096)
def zone_region(time_zone: str) -> str | None:
    """Return the region a time zone lies in; None for UTC and unknown zones."""
    region = get_global("zone_territories").get(time_zone)
    return region if region and region.isalpha() else None


@cache
def time_zones() -> tuple[str, ...]:
    """The zones of places, by their newest names: Asia/Kolkata, not Asia/Calcutta."""
    old = get_global("zone_aliases")
    zones = (zone for zone in available_timezones() if zone.partition("/")[0] in _AREAS)
    return tuple(sorted(zone for zone in zones if zone not in old))


def newest_zone(time_zone: str) -> str:
    """The newest name of a time zone."""
    return str(get_global("zone_aliases").get(time_zone, time_zone))


@cache
def old_zones(time_zone: str) -> tuple[str, ...]:
    """Names that a time zone had before; browsers still say some of them."""
    return tuple(old for old, new in get_global("zone_aliases").items() if new == time_zone)


@lru_cache(maxsize=4096)
def city_name(time_zone: str, language: str) -> str:
    """The city that a time zone is named after."""
    cities = locale_of(language).time_zones
    for zone in (time_zone, *old_zones(time_zone)):
        if city := cities.get(zone, {}).get("city"):
            return str(city)
    return time_zone.rpartition("/")[2].replace("_", " ")


def area_name(time_zone: str, language: str) -> str:
    """The part of the world that a time zone lies in, such as Europe."""
    area = time_zone.partition("/")[0]
    if area in _OCEANS:
        return translator(language).gettext(_OCEANS[area])
    return country_name(_AREAS[area], language)


def utc_offset(time_zone: str, *, now: int) -> str:
    """How far a zone's clocks are from UTC at an instant (Unix seconds): `UTC+5:30`."""
    offset = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(time_zone)).utcoffset()
    minutes = round(offset.total_seconds() / 60) if offset else 0
    hours, rest = divmod(abs(minutes), 60)
    sign = "+" if minutes >= 0 else "\N{MINUS SIGN}"
    return f"UTC{sign}{hours}:{rest:02}" if rest else f"UTC{sign}{hours}" if hours else "UTC"


def describe_zone(zone: str, language: str, *, now: int) -> TimeZone:
    """Put a zone into words, with its offset at an instant (Unix seconds)."""
    return TimeZone(zone, city_name(zone, language), utc_offset(zone, now=now), old_zones(zone))
