"""The samples' sentences in another language, as the product's own catalogue has them.

Samples are written in English. Each sentence is looked up in the catalogue; one with values in it is
recognised by its pattern, so that a picture never shows words that the product does not have.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from catalogues import LOCALE
from markupsafe import Markup

from twostep.i18n import format_duration, translator
from twostep.names import browser_name


_PLACEHOLDER = re.compile(r"%\\\((\w+)\\\)s")  # in an escaped message
_MINUTES = re.compile(r"(\d+) minutes?")


def localise(value: Any, code: str) -> Any:
    """Translate every sentence in a page's context; everything else stays."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, str):
        return say(value, code)
    if isinstance(value, tuple | list):
        return type(value)(localise(each, code) for each in value)
    if isinstance(value, Mapping):
        return {key: localise(each, code) for key, each in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return dataclasses.replace(
            value, **{name: localise(each, code) for name, each in fields.items()}
        )
    return value


def say(text: str, code: str) -> str:
    """Translate one sentence, or several that follow each other; what is none stays as it is."""
    if not text or code == "en":
        return text
    words = translator(code)
    if text in _messages():
        return words.gettext(text)
    if minutes := _MINUTES.fullmatch(text):
        return format_duration(60 * int(minutes[1]), code)
    for first, rest in _parts(text):
        said, and_said = say(first, code), say(rest, code)
        if first != said and rest != and_said:
            return f"{said} {and_said}"
    for pattern, (singular, plural) in _patterns().items():
        if match := pattern.fullmatch(text):
            values = {name: say(value, code) for name, value in match.groupdict().items()}
            count = next((int(each) for each in values.values() if each.isdecimal()), 2)
            message = words.ngettext(singular, plural, count) if plural else words.gettext(singular)
            return message % values
    return browser_name(text, code)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    for end in re.finditer(r"[.!?] ", text):
        yield text[: end.start() + 1], text[end.end() :]


@cache
def _template() -> Catalog:
    with (LOCALE / "twostep.pot").open("rb") as file:
        return read_po(file)


@cache
def _messages() -> frozenset[str]:
    return frozenset(each.id for each in _template() if isinstance(each.id, str) and each.id)


@cache
def _patterns() -> dict[re.Pattern[str], tuple[str, str]]:
    """Messages with values in them, and their plural; the longest first."""
    known = {}
    for message in _template():
        singular, plural = (message.id, "") if isinstance(message.id, str) else message.id
        for text in filter(None, (singular, plural)):
            if re.search(r"%\(\w+\)s \S|\S %\(\w+\)s", text) and not message.context:
                pattern = _PLACEHOLDER.sub(r"(?P<\1>.+?)", re.escape(text))
                known[text] = (re.compile(pattern), (singular, plural))
    return {known[text][0]: known[text][1] for text in sorted(known, key=len, reverse=True)}
