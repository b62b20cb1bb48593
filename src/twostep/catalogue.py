"""Reads a gettext catalogue that an installation has added, and leaves out what would break a page."""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po


Translations = gettext.NullTranslations

_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


class CatalogueUnusable(Exception):
    """A catalogue that was added cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class ReadCatalogue:
    """What can be used of a catalogue, and how many sentences that translates. `refused`: sentences
    whose translation has placeholders that the English has not."""

    usable: Catalog
    translated: int
    refused: tuple[str, ...]


def read_catalogue(path: Path, language: str) -> ReadCatalogue:
    """Read a file. Raises `CatalogueUnusable`."""
    try:
        catalogue = read_po(BytesIO(path.read_bytes()), locale=language, abort_invalid=True)
    except (OSError, UnicodeError, ValueError, PoFileError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise CatalogueUnusable(f"{path} cannot be read: {reason}") from None
    refused = [message for message in catalogue if message.id and not _fits(message)]
    for message in refused:
        catalogue.delete(message.id, message.context)
    translated = sum(bool(message.id and _translations(message)) for message in catalogue)
    return ReadCatalogue(
        catalogue, translated, tuple(_strings(message.id)[0] for message in refused)
    )


def compile_catalogue(catalogue: Catalog) -> Translations:
    """The catalogue as gettext looks sentences up in it."""
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _fits(message: Message) -> bool:
    known = set(_PLACEHOLDER.findall(" ".join(_strings(message.id))))
    return all(set(_PLACEHOLDER.findall(text)) <= known for text in _translations(message))


def _translations(message: Message) -> list[str]:
    return [] if message.fuzzy else [text for text in _strings(message.string) if text]


def _strings(text: str | Iterable[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ())
