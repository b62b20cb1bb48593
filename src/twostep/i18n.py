"""The user's language: catalogues, choosing one, and dates and durations in words.

English is the source text and needs no catalogue. The others are gettext files beside this
module, compiled in memory on first use. An installation may add catalogues of its own: for further
languages, or with other words for some sentences. They belong to the process, as the languages do.
"""

from __future__ import annotations

import gettext
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache, lru_cache
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton
from babel.messages.pofile import read_po
from babel.units import format_unit

from twostep.catalogue import (
    CatalogueUnusable,
    ReadCatalogue,
    Translations,
    compile_catalogue,
    read_catalogue,
)


Style = Literal["date", "weekday", "short", "full"]
Direction = Literal["ltr", "rtl"]

SOURCE = "en"
UTC = "UTC"
LONGEST_ZONE = 64


@dataclass(frozen=True, slots=True)
class Language:
    """A language of pages and messages. `endonym` is its name in that language."""

    code: str
    endonym: str
    direction: Direction


LANGUAGES: tuple[Language, ...] = (
    Language("en", "English", "ltr"),
    Language("de", "Deutsch", "ltr"),
    Language("ar", "العربية", "rtl"),
)
_BY_CODE = {language.code: language for language in LANGUAGES}
_ADDED: dict[str, Path] = {}  # catalogues by language
_CATALOGUE = "LC_MESSAGES/twostep.po"
_CODE = re.compile("[a-z]{2,3}")
# "24 Nov 2026, 09:12" reads the same on both sides of the Atlantic; 11/24/26 does not.
_FORMATS = {SOURCE: "en_GB"}


def N_(message: str) -> str:  # noqa: N802 - gettext's name for a string that is translated later
    """Mark a string for the catalogues without translating it yet."""
    return message


def language(code: str) -> Language:
    """Return the language with that code, or the source language if there is none."""
    return _BY_CODE.get(code, _BY_CODE[SOURCE])


def has_language(code: str) -> bool:
    """Whether pages exist in that language."""
    return code in _BY_CODE


def languages() -> tuple[Language, ...]:
    """Every language there are pages in."""
    return tuple(_BY_CODE.values())


def add_catalogues(folder: Path) -> None:
    """Add the catalogues in `folder`, each as `fr/LC_MESSAGES/twostep.po`. Nothing happens if there is
    no such folder. Raises `CatalogueUnusable` if one is not named after a language."""
    for path in sorted(folder.glob(f"*/{_CATALOGUE}")):
        code = path.parts[-3]
        try:
            locale = Locale.parse(code if _CODE.fullmatch(code) else "")
        except (UnknownLocaleError, ValueError):
            raise CatalogueUnusable(
                f"{path}: {code} is no language; name the folder by its code, like fr"
            ) from None
        endonym = str(locale.get_display_name(code))
        direction: Direction = "rtl" if locale.text_direction == "rtl" else "ltr"
        added = Language(code, endonym[:1].upper() + endonym[1:], direction)
        _BY_CODE.setdefault(code, added)
        _ADDED[code] = path
        translator.cache_clear()


def load_languages(folder: Path, *, default: str) -> dict[Path, ReadCatalogue]:
    """Add the catalogues in `folder`, and return what was read.

    Raises `CatalogueUnusable` if one cannot be used, or if there is no language `default`.
    """
    try:
        add_catalogues(folder)
    except PermissionError as error:
        raise CatalogueUnusable(f"{folder} cannot be read: {error.strerror}") from None
    read = {path: read_catalogue(path, code) for code, path in _ADDED.items()}
    if not has_language(default):
        raise CatalogueUnusable(
            f"default_language: there are no pages in {default}; choose one of"
            f" {', '.join(_BY_CODE)}."
        )
    return read


@cache
def translator(code: str) -> Translations:
    """Return the gettext functions for a language; English for unknown codes.

    Sentences that an added catalogue lacks come from ours. Raises `CatalogueUnusable`.
    """
    translations = gettext.NullTranslations()
    source = resources.files("twostep").joinpath("locale", code, _CATALOGUE)
    if has_language(code) and source.is_file():
        translations = compile_catalogue(read_po(BytesIO(source.read_bytes()), locale=code))
    if code in _ADDED:
        added = compile_catalogue(read_catalogue(_ADDED[code], code).usable)
        added.add_fallback(translations)
        translations = added
    return translations


def negotiate(
    accept_language: str | None, *, preferred: str | None = None, default: str = SOURCE
) -> str:
    """Choose a language: `preferred`, or the best match of `Accept-Language`, or `default`.

    RFC 9110 section 12.5.4; only the first part of a tag counts, so `de-AT` gets `de`.
    """
    if preferred in _BY_CODE:
        return preferred
    best, best_weight = default, 0.0
    for entry in (accept_language or "")[:1000].split(","):
        tag, _, parameters = entry.partition(";")
        code = tag.strip().lower().split("-")[0]
        weight = _weight(parameters)
        if code in _BY_CODE and weight > best_weight:
            best, best_weight = code, weight
    return best


def accepted_tags(accept_language: str | None) -> tuple[str, ...]:
    """Return the tags of `Accept-Language` in header order, for guessing a country."""
    entries = (accept_language or "")[:1000].split(",")
    return tuple(tag for entry in entries if (tag := entry.partition(";")[0].strip()))


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def format_instant(at: int, *, language: str, time_zone: str, style: Style = "short") -> str:
    """Write an instant (Unix seconds) as `24 Nov 2026`, with `, 09:12`, as `Tue 24 Nov, 09:12`, or with
    its zone too.

    `time_zone`: an IANA name; for an unknown one the time is given in UTC. A time in UTC always says
    so; one in the reader's own zone needs no name.
    """
    zone = known_zone(time_zone)
    moment = _local(at, zone)
    day = _date(moment.date(), language)
    if style == "date":
        return day
    _ = translator(language).gettext
    if style == "weekday":
        day = _weekday(moment.date(), language)
    if style in {"short", "weekday"}:
        clock = format_time(at, language=language, time_zone=zone)
        return _("{date}, {time}").format(date=day, time=clock)
    clock = _clock_time(moment, language)
    return _("{date} at {time} ({zone})").format(date=day, time=clock, zone=zone)


def format_time(at: int, *, language: str, time_zone: str) -> str:
    """Write the time of day of an instant (Unix seconds): `14:05`, or `14:05 UTC`."""
    zone = known_zone(time_zone)
    clock = _clock_time(_local(at, zone), language)
    return f"{clock} UTC" if zone == UTC else clock


def format_duration(seconds: int, language: str) -> str:
    """Write a duration in words: `47 seconds`, `8 minutes`, `1 hour and 5 minutes`, `3 days`.

    Rounded up to the smaller unit shown, so that a stated wait is never too short.
    """
    if seconds < 60:
        return _unit(max(seconds, 0), "second", language)
    minutes = -(-seconds // 60)
    if minutes < 60:
        return _unit(minutes, "minute", language)
    if minutes < 24 * 60:
        return _two(minutes, "hour", "minute", per=60, language=language)
    return _two(-(-minutes // 60), "day", "hour", per=24, language=language)


def known_zone(time_zone: str) -> str:
    """Return the zone's canonical name, or UTC if this system does not know it."""
    return zone_or_none(time_zone) or UTC


@lru_cache(maxsize=4096)
def zone_or_none(time_zone: str) -> str | None:
    """Return the zone's canonical name, or None if this system does not know it."""
    try:
        return ZoneInfo(time_zone).key if 0 < len(time_zone) <= LONGEST_ZONE else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _local(at: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at, ZoneInfo(zone))


# A page shows a dozen dates and times, and choosing the pattern of each took a tenth of its time.
# All pages together show few different ones.
@lru_cache(maxsize=4096)
def _date(day: date, language: str) -> str:
    return format_skeleton("yMMMd", datetime.combine(day, time()), locale=locale_of(language))


@lru_cache(maxsize=1024)
def _weekday(day: date, language: str) -> str:
    return format_skeleton("MMMEd", datetime.combine(day, time()), locale=locale_of(language))


def _clock_time(moment: datetime, language: str) -> str:
    return _hour_and_minute(moment.hour, moment.minute, language)


@lru_cache(maxsize=24 * 60 * len(LANGUAGES))
def _hour_and_minute(hour: int, minute: int, language: str) -> str:
    moment = datetime.combine(date.min, time(hour, minute))
    return format_skeleton("Hm", moment, locale=locale_of(language))


def _two(amount: int, big: str, small: str, *, per: int, language: str) -> str:
    whole, rest = divmod(amount, per)
    first = _unit(whole, big, language)
    if not rest:
        return first
    _ = translator(language).gettext
    return _("{longer} and {shorter}").format(longer=first, shorter=_unit(rest, small, language))


def _unit(amount: int, unit: str, language: str) -> str:
    name, locale = f"duration-{unit}", locale_of(language)
    words = format_unit(amount, name, length="long", locale=locale)
    # CLDR has no long pattern for some units (days in Arabic); there the short one is whole words.
    return format_unit(amount, name, length="short", locale=locale) if name in words else words


@cache
def locale_of(code: str) -> Locale:
    """Unicode's data for a language: how it writes dates, and what it calls places."""
    known = code if code in _BY_CODE else SOURCE
    return Locale.parse(_FORMATS.get(known, known))
