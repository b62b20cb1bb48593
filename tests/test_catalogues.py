"""Every word is translated, and every translation keeps what stands in the sentence."""

from __future__ import annotations

from functools import cache

import pytest
from babel.messages.catalog import Catalog

from tools import catalogues
from twostep.i18n import LANGUAGES, SOURCE


@cache
def template() -> Catalog:
    return catalogues.extract()


def test_words_of_pages_messages_and_code_are_found() -> None:
    places = {place for message in template() for place, _ in message.locations}
    assert {place.split("/")[2] for place in places} >= {"web", "delivery"}
    assert any(place.endswith(".html") for place in places)
    assert any(place.endswith(".py") for place in places)
    assert template().get("Backup codes") is not None


def test_languages_are_the_same_everywhere() -> None:
    codes = {language.code for language in LANGUAGES}
    assert set(catalogues.LANGUAGES) == codes - {SOURCE}


def test_the_template_is_up_to_date(tmp_path) -> None:
    catalogues.write(template(), tmp_path / "twostep.pot")
    now = (tmp_path / "twostep.pot").read_text(encoding="utf-8")
    assert (catalogues.LOCALE / "twostep.pot").read_text(encoding="utf-8") == now, "make locale"


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_every_message_is_translated(language: str) -> None:
    assert catalogues.problems(template(), catalogues.read(language)) == []


@pytest.mark.parametrize(
    ("translation", "problem"),
    [
        ("", "not translated"),
        ("noch drei Versuche", "placeholders differ"),
        ("noch %(n)s Versuche", None),
    ],
)
def test_problems_are_found(translation: str, problem: str | None) -> None:
    source, german = Catalog(), Catalog(locale="de")
    source.add("%(n)s tries left")
    german.add("%(n)s tries left", translation)
    problems = catalogues.problems(source, german)
    assert [line.partition(":")[0] for line in problems] == ([problem] if problem else [])


def test_a_fuzzy_translation_does_not_count() -> None:
    source, german = Catalog(), Catalog(locale="de")
    source.add("Sign in")
    german.add("Sign in", "Abmelden", flags=["fuzzy"])
    assert catalogues.problems(source, german) == ["fuzzy: Sign in"]


def test_a_dual_may_leave_the_number_out() -> None:
    source, arabic = Catalog(), Catalog(locale="ar")
    source.add(("%(n)s code", "%(n)s codes"))
    forms = ("%(n)s رمز", "رمز واحد", "رمزان", "%(n)s رموز", "%(n)s رمزًا", "%(n)s رمز")
    arabic.add(("%(n)s code", "%(n)s codes"), forms)
    assert catalogues.problems(source, arabic) == []
