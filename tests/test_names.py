"""Names of countries, cities and browsers in the reader's language, and their order."""

from __future__ import annotations

import pytest

from twostep.core.methods.phone_number import regions
from twostep.i18n import LANGUAGES
from twostep.names import (
    area_name,
    browser_name,
    city_name,
    country_name,
    newest_zone,
    sort_key,
    time_zones,
    utc_offset,
)


DECEMBER, JULY = 1_796_000_000, 1_783_000_000  # 2026


def countries(language: str) -> list[str]:
    names = (country_name(region.code, language) for region in regions())
    return sorted(names, key=sort_key)


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("de", ["Oman", "Österreich", "Pakistan"]),
        ("de", ["Afghanistan", "Ägypten", "Albanien"]),
        ("de", ["Ålandinseln", "Albanien", "Algerien"]),
        ("en", ["Costa Rica", "Côte d’Ivoire", "Croatia"]),
        ("en", ["São Tomé & Príncipe", "Saudi Arabia"]),
        ("ar", ["إيران", "أيرلندا", "آيسلندا"]),
        ("ar", ["ألبانيا", "ألمانيا"]),
    ],
)
def test_countries_stand_where_a_reader_looks(language: str, names: list[str]) -> None:
    listed = countries(language)
    assert [name for name in listed if name in names] == names


def test_countries_that_share_a_plan_show_their_area_codes() -> None:
    prefixes = {region.code: region.prefix for region in regions()}
    assert prefixes["BS"] == "+1 242"
    assert prefixes["JM"] == "+1 658, 876"
    assert prefixes["DO"] == "+1 809, 829, 849"
    assert (prefixes["US"], prefixes["CA"], prefixes["DE"]) == ("+1", "+1", "+49")
    assert sorted(code for code, prefix in prefixes.items() if prefix == "+1") == ["CA", "US"]


@pytest.mark.parametrize(
    ("stored", "german", "arabic"),
    [
        ("Chrome on Linux", "Chrome unter Linux", "\u200fChrome على Linux"),
        ("Safari on iPhone", "Safari auf dem iPhone", "\u200fSafari على iPhone"),
        ("Firefox", "Firefox", "Firefox"),
        ("", "", ""),
    ],
)
def test_browsers_speak_the_readers_language(stored: str, german: str, arabic: str) -> None:
    assert browser_name(stored, "en") == stored
    assert browser_name(stored, "de") == german
    assert browser_name(stored, "ar") == arabic


def test_zones_have_one_name_each_and_the_newest() -> None:
    zones = time_zones()
    assert {"Asia/Kolkata", "Europe/Kyiv", "America/Argentina/Buenos_Aires"} <= set(zones)
    assert not {"Asia/Calcutta", "Europe/Kiev", "America/Buenos_Aires", "US/Eastern"} & set(zones)
    assert newest_zone("Asia/Calcutta") == "Asia/Kolkata"
    assert newest_zone("Europe/Berlin") == "Europe/Berlin"


@pytest.mark.parametrize("language", [language.code for language in LANGUAGES])
def test_every_zone_has_a_city_and_a_part_of_the_world(language: str) -> None:
    for zone in time_zones():
        assert city_name(zone, language)
        assert not area_name(zone, language).isdigit(), zone
        assert "_" not in city_name(zone, language)


def test_cities_and_parts_of_the_world_are_translated() -> None:
    assert city_name("Asia/Kolkata", "ar") == "كالكتا"
    assert (city_name("Europe/Vienna", "de"), area_name("Europe/Vienna", "de")) == (
        "Wien",
        "Europa",
    )
    assert area_name("Indian/Mauritius", "de") == "Indischer Ozean"


def test_the_offset_is_that_of_the_season() -> None:
    assert utc_offset("Europe/Berlin", now=DECEMBER) == "UTC+1"
    assert utc_offset("Europe/Berlin", now=JULY) == "UTC+2"
    assert utc_offset("Asia/Kolkata", now=JULY) == "UTC+5:30"
    assert utc_offset("America/St_Johns", now=DECEMBER) == "UTC−3:30"
    assert utc_offset("Europe/London", now=DECEMBER) == "UTC"
