"""Languages are chosen as browsers ask, and times, places and spans read naturally in each."""

from __future__ import annotations

import gettext

import pytest

from twostep.i18n import (
    LANGUAGES,
    accepted_tags,
    format_duration,
    format_instant,
    format_time,
    known_zone,
    language,
    negotiate,
    translator,
)
from twostep.names import country_name, zone_region


AT = 1_795_507_920  # 24 Nov 2026, 08:12 UTC


@pytest.mark.parametrize(
    ("header", "preferred", "code"),
    [
        (None, None, "en"),
        ("de-AT,de;q=0.9,en;q=0.8", None, "de"),
        ("fr,ar;q=0.5,de;q=0.4", None, "ar"),
        ("en;q=0.1, DE ; q=0.2", None, "de"),
        ("de;q=0, fr", None, "en"),
        ("de;q=nan,ar;q=7,*", None, "en"),
        ("de", "ar", "ar"),
        ("de", "xx", "de"),
        (";,;q=,", None, "en"),
    ],
)
def test_the_language_is_the_one_asked_for(header, preferred, code):
    assert negotiate(header, preferred=preferred) == code


def test_tags_are_kept_for_guessing_the_country():
    assert accepted_tags("de-AT,de;q=0.9, en") == ("de-AT", "de", "en")
    assert accepted_tags(None) == ()


def test_english_needs_no_catalogue_and_stands_in_for_unknown_codes():
    for code in ("en", "xx", "../../etc"):
        assert type(translator(code)) is gettext.NullTranslations
    assert translator("de") is translator("de")
    assert language("xx").code == "en"


def test_languages_say_their_own_name_and_direction():
    assert [(item.code, item.endonym, item.direction) for item in LANGUAGES] == [
        ("en", "English", "ltr"),
        ("de", "Deutsch", "ltr"),
        ("ar", "العربية", "rtl"),
    ]


def test_instants_name_their_zone_where_they_must_stand_alone():
    paris = {"language": "en", "time_zone": "Europe/Paris"}
    assert format_instant(AT, **paris, style="date") == "24 Nov 2026"
    assert format_instant(AT, **paris) == "24 Nov 2026, 09:12"
    assert format_instant(AT, **paris, style="full") == "24 Nov 2026 at 09:12 (Europe/Paris)"
    assert format_time(AT, **paris) == "09:12"
    assert "24. Nov. 2026" in format_instant(AT, language="de", time_zone="Europe/Berlin")
    assert "نوفمبر" in format_instant(AT, language="ar", time_zone="Asia/Riyadh")


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../../etc/passwd", "/etc/passwd", "Europe"])
def test_an_unknown_zone_is_written_in_utc(zone):
    assert known_zone(zone) == "UTC"
    full = format_instant(AT, language="en", time_zone=zone, style="full")
    assert full == "24 Nov 2026 at 08:12 (UTC)"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 seconds"),
        (1, "1 second"),
        (47, "47 seconds"),
        (60, "1 minute"),
        (61, "2 minutes"),
        (480, "8 minutes"),
        (3599, "1 hour"),
        (3600, "1 hour"),
        (3900, "1 hour and 5 minutes"),
        (86_399, "1 day"),
        (86_400, "1 day"),
        (3 * 86_400, "3 days"),
        (90_001, "1 day and 2 hours"),
    ],
)
def test_spans_in_words_round_up(seconds, words):
    assert format_duration(seconds, "en") == words


def test_spans_in_other_languages():
    assert format_duration(480, "de") == "8 Minuten"
    assert format_duration(480, "ar") == "8 دقائق"
    assert format_duration(3 * 86_400, "ar") == "3 أيام"


def test_countries_in_the_users_language():
    assert [country_name("DE", code) for code in ("en", "de", "ar")] == [
        "Germany",
        "Deutschland",
        "ألمانيا",
    ]
    assert country_name("QQ", "en") == "QQ"


def test_a_time_zone_hints_at_its_country():
    assert zone_region("Europe/Paris") == "FR"
    assert zone_region("UTC") is None
    assert zone_region("Mars/Base") is None
