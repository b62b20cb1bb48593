"""Write docs/reference/ from the code: `python -m tools.reference [--check]`.

One generator a page: a function without arguments that returns Markdown, named in PAGES. `--check`
writes nothing and exits 1 when a page is not what the code says; tests use `stale_pages`.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from tools import commands_page as verbs
from twostep.config.listing import SETTINGS, Setting, fields_of, list_settings, section_of
from twostep.config.settings import Settings
from twostep.core import refusal
from twostep.core.audit.event import KINDS, Outcome
from twostep.i18n import Translations
from twostep.web.words.refusals import SENTENCES
from twostep.web.words.refusals_with_values import SPECIAL, Reader


ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
NOTE = "<!-- Written by `make reference` from the code. Change the code, not this page. -->"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; bars and line breaks in cells are made harmless."""
    lines = [head, ["---"] * len(head), *rows]
    clean = [
        [re.sub(r"\s*\n\s*", " ", cell).replace("|", "\\|") for cell in line] for line in lines
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in clean)


def settings_page() -> str:
    """Every setting, table by table."""
    rules = (
        "One TOML file: the one named by `--config`, or else `/etc/twostep/twostep.toml`, or else "
        "`./twostep.toml` if it belongs to you. The environment overrides the file, and "
        "`--set KEY=VALUE` overrides both.\n\n"
        "- **Ownership:** the file names programs to run, so it must belong to root or to the user "
        "who runs `twostep`, and nobody else may write to it; any other file is refused "
        "(`chmod go-w FILE`). In a folder that others may change, name it with `--config`.\n"
        "- **Environment:** `TWOSTEP_` and the key in capitals, with two underscores for each dot: "
        "`policy.phones` is `TWOSTEP_POLICY__PHONES`. Lists are written `DE, FR`.\n"
        "- **Secrets** can be read from a file: add `_file` to the key, as in "
        "`smtp.password_file`. They are never printed.\n"
        "- **Paths** in the file are relative to the file; elsewhere, to the working folder.\n"
        "- **Unknown keys** are refused, with a suggestion of the key that was probably meant.\n\n"
        "`twostep doctor` checks a configuration and warns about what is allowed but rarely meant.\n"
    )
    parts = [
        "# Settings\n",
        rules,
        "## At the top of the file\n",
        table(_HEAD, [_row(s) for s in SETTINGS.values() if "." not in s.key]),
    ]
    for name, field in fields_of(Settings):
        if (section := section_of(field)) is not None:
            parts += [f"## `[{name}]`\n", f"{_first_line(section)}\n"]
            parts.append(table(_HEAD, [_row(s) for s in list_settings(section, f"{name}.")]))
    return "\n".join(parts)


_HEAD = ("key", "value", "default", "meaning")


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").splitlines()[0]


def _row(setting: Setting) -> tuple[str, str, str, str]:
    key = f"`{setting.key}`" + (" (secret)" if setting.is_secret else "")
    return key, _values(setting), _default(setting), setting.field.description or ""


def _values(setting: Setting) -> str:
    kinds = _kinds(setting.field.annotation)
    if choices := [
        choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)
    ]:
        words = ", ".join(f"`{choice}`" for choice in choices)
        return f"list of {words}" if tuple in {get_origin(kind) for kind in kinds} else words
    if tuple in {get_origin(kind) for kind in kinds}:
        return "list"
    if dict in {get_origin(kind) for kind in kinds}:
        return "table"
    if int in kinds:
        bounds = {
            name: getattr(rule, name)
            for rule in setting.field.metadata
            for name in ("ge", "le")
            if hasattr(rule, name)
        }
        return f"{bounds['ge']} to {bounds['le']}"
    names = {
        bool: "`on`, `off`", float: "number", Path: "path", SecretStr: "text", str: "text"
    }  # fmt: skip
    return next(words for kind, words in names.items() if kind in kinds)


def _kinds(annotation: Any) -> list[Any]:
    """Return a type and what it is made of, without None and the inside of Literal."""
    kinds = [annotation]
    if get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            if part not in {type(None), Ellipsis} and not isinstance(part, str):
                kinds += _kinds(part)
    return kinds


def _default(setting: Setting) -> str:
    field = setting.field
    if field.is_required():
        return "required"
    if field.default is PydanticUndefined or field.default in (None, "", ()):
        return "–"
    if isinstance(field.default, bool):
        return "`on`" if field.default else "`off`"
    return f"`{field.default}`"


def refusals_page() -> str:
    """Every reason of a refusal, in the groups of its module."""
    comments = _comments()
    rows = [
        (f"`{reason.value}`", comments.get(reason.name) or "–", _sentence(reason))
        for reason in refusal.Reason
    ]
    words = (
        "Codes appear in the audit trail and in JSON answers, and do not change. The words are what "
        "a page says; `%(…)s` stands for a value.\n"
    )
    return "\n".join(["# Refusals\n", words, table(("code", "note", "words"), rows)])


class _Recorder(Translations):
    """Keeps the sentence that is asked for, before values are put in."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def gettext(self, message: str) -> str:
        self.asked.append(message)
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:  # noqa: ARG002 - the plural says it
        self.asked.append(msgid2)
        return msgid2


def _sentence(reason: refusal.Reason) -> str:
    if reason in SENTENCES:
        return SENTENCES[reason]
    words = _Recorder()
    detail = refusal.RefusalDetail(region="DE", example="", minutes=4, length=5)
    SPECIAL[reason](refusal.Refused(reason, detail=detail), Reader("en", "UTC", 0), words)
    return words.asked[0]


def _comments() -> dict[str, str]:
    """Return member name to the comment that stands beside it in the source."""
    source = Path(refusal.__file__ or "").read_text(encoding="utf-8")
    lines = source.splitlines()
    comments = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            comment = lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset or 0 :]
            comments[node.targets[0].id] = comment.strip().removeprefix("#").strip()
    return comments


def events_page() -> str:
    """Every kind of event with the only fields its data may hold."""
    rows = [
        (f"`{kind.name}`", kind.says, ", ".join(f"`{name}`" for name in sorted(kind.fields)) or "–")
        for kind in sorted(KINDS.values(), key=lambda kind: kind.name)
    ]
    outcomes = ", ".join(f"`{outcome.value}`" for outcome in Outcome)
    words = (
        "Every act leaves one event in its account's chain, written together with the act. "
        f"`outcome` is one of {outcomes}. `data` holds the named fields and no others: never a "
        "code, secret, password, cookie or full phone number.\n"
    )
    return "\n".join(["# Events\n", words, table(("event", "what happened", "data"), rows)])


def commands_page() -> str:
    """Every verb of the command line with its options."""
    parts = ["# Commands\n", verbs.RULES]
    for name, command in verbs.list_commands():
        parts += [f"## `{name}`\n", f"{command.help}\n"]
        if rows := list(verbs.rows(command)):
            parts.append(table(("option", "meaning"), rows))
    return "\n".join(parts)


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "settings.md": settings_page,
    "refusals.md": refusals_page,
    "events.md": events_page,
}


def page_text(name: str) -> str:
    """Return the whole text of a page as it belongs on disk."""
    return f"{NOTE}\n\n{PAGES[name]().rstrip()}\n"


def stale_pages(folder: Path = FOLDER) -> list[str]:
    """Return the names of pages that are missing or not what the code says."""
    return [
        name
        for name in PAGES
        if not (folder / name).is_file()
        or (folder / name).read_text(encoding="utf-8") != page_text(name)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or say which ones are stale."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when stale")
    if parser.parse_args(arguments).check:
        stale = stale_pages()
        for name in stale:
            print(f"docs/reference/{name} is stale: run make reference")
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        (FOLDER / name).write_text(page_text(name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
