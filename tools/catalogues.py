"""Collect the words of pages and messages and bring the catalogues up to date.

    python tools/catalogues.py [--check]

Reads `_`, `N_`, `gettext`, `ngettext` and `pgettext` in Python and in templates, writes
`src/twostep/locale/twostep.pot` and merges it into each language. Then says what is still to be
translated. `--check` writes nothing, and exits 1 while something is missing.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po


ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "twostep"
LOCALE = SOURCE / "locale"
LANGUAGES = tuple(sorted(path.parent.parent.name for path in LOCALE.glob("*/*/twostep.po")))
KEYWORDS = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
METHODS = [("**/templates/**", "jinja2"), ("**.py", "python")]
OPTIONS = {
    "**/templates/**": {"extensions": "jinja2.ext.i18n", "trimmed": "true", "silent": "false"}
}
HEADER = "# The words of Twostep. `make locale` keeps this file in step with pages and messages."
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")


def extract(folder: Path = SOURCE) -> Catalog:
    """Return a template catalogue of every marked string. Places name the file, not the line."""
    catalogue = Catalog(project="twostep", charset="utf-8", fuzzy=False)
    marked = extract_from_dir(
        folder,
        METHODS,
        OPTIONS,
        keywords=KEYWORDS,
        comment_tags=("Translators:",),
        strip_comment_tags=True,
    )
    for file, _line, message, comments, context in marked:
        catalogue.add(
            message,
            None,
            [(f"src/twostep/{Path(file).as_posix()}", 0)],
            auto_comments=comments,
            context=context,
        )
    return catalogue


def path_of(language: str) -> Path:
    """Return where a language's catalogue is."""
    return LOCALE / language / "LC_MESSAGES" / "twostep.po"


def read(language: str) -> Catalog:
    """Return a language's catalogue; an empty one where there is no file yet."""
    path = path_of(language)
    if not path.is_file():
        return Catalog(locale=language, project="twostep", charset="utf-8", fuzzy=False)
    return read_po(BytesIO(path.read_bytes()), locale=language)


def write(catalogue: Catalog, path: Path) -> None:
    """Write a catalogue in the one form that keeps differences small."""
    catalogue.header_comment = HEADER
    buffer = BytesIO()
    write_po(
        buffer,
        catalogue,
        width=100,
        omit_header=False,
        sort_by_file=True,
        include_lineno=False,
        ignore_obsolete=True,
    )
    # Babel stamps the day of every run, which would make each run a change; and names nobody.
    text = re.sub(
        r'(?m)^"(POT-Creation-Date|PO-Revision-Date|Generated-By|Project-Id-Version|'
        r"Report-Msgid-Bugs-To|Last-Translator|Language-Team): .*\n",
        "",
        buffer.getvalue().decode(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def placeholders(text: str) -> list[str]:
    """Return the placeholders of a message, sorted."""
    return sorted(_PLACEHOLDER.findall(text))


def problems(template: Catalog, catalogue: Catalog) -> list[str]:
    """Return what keeps a language from being complete, one line for each message."""
    mistakes = []
    for message in template:
        if not message.id:
            continue
        other = catalogue.get(_key(message), message.context)
        if other is None or not all(_strings(other)):
            mistakes.append(f"not translated: {_key(message)}")
        elif other.fuzzy:
            mistakes.append(f"fuzzy: {_key(message)}")
        elif not _has_same_placeholders(message, other):
            mistakes.append(f"placeholders differ: {_key(message)}")
    return mistakes


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _strings(message: Message) -> tuple[str, ...]:
    strings = message.string or ""
    return (strings,) if isinstance(strings, str) else tuple(strings)


def _has_same_placeholders(message: Message, other: Message) -> bool:
    """Whether placeholders agree. "One minute" may leave the number out, as in Arabic's dual."""
    wanted = placeholders(message.id if isinstance(message.id, str) else message.id[-1])
    if isinstance(message.id, str):
        return placeholders(_strings(other)[0]) == wanted
    forms = [placeholders(form) for form in _strings(other)]
    return wanted in forms and all(set(form) <= set(wanted) for form in forms)


def update(template: Catalog, languages: Iterable[str] = LANGUAGES) -> None:
    """Write the template and merge it into every language; nothing is guessed from likeness."""
    write(template, LOCALE / "twostep.pot")
    for language in languages:
        catalogue = read(language)
        catalogue.update(template, no_fuzzy_matching=True)
        write(catalogue, path_of(language))


def main(arguments: Sequence[str] | None = None) -> int:
    """Update unless `--check` is given, then report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    template = extract()
    check = parser.parse_args(arguments).check
    if not check:
        update(template)
    open_messages = 0
    for language in LANGUAGES:
        to_do = problems(template, read(language))
        open_messages += len(to_do)
        print(f"{language}: {len(template)} messages, {len(to_do)} to do")
        for line in to_do:
            print(f"  {line}")
    return 1 if check and open_messages else 0


if __name__ == "__main__":
    sys.exit(main())
