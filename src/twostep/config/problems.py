"""Problems of a configuration, as lines that name key, value and fix, but never a secret."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from twostep.config.listing import FILE_KEYS, SECTIONS, SETTINGS


_LONGEST_VALUE = 60
_FIXES = {
    "bool_parsing": "write on or off",
    "bool_type": "write on or off",
    "float_parsing": "write a number",
    "greater_than_equal": "write {ge} or more",
    "int_from_float": "write a whole number",
    "int_parsing": "write a whole number",
    "int_type": "write a whole number",
    "less_than_equal": "write {le} or less",
    "literal_error": "write one of {expected}",
    "missing": "is missing; set it",
    "model_type": "is a table: write [{key}] and its settings below",
    "path_type": "write a path",
    "string_pattern_mismatch": "does not look right: {description}",
    "string_too_long": "write {max_length} characters at most",
    "string_too_short": "write {min_length} characters at least",
    "string_type": "write text in quotation marks",
    "too_long": "write {max_length} characters at most",
    "too_short": "write {min_length} characters at least",
    "tuple_type": "write a list",
}


class ConfigError(Exception):
    """The configuration cannot be used. `problems` holds one complete line for each reason."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def unknown_key(key: str) -> str:
    """Return the text for an unknown key, with the setting that was probably meant."""
    known = [*SETTINGS, *FILE_KEYS, *SECTIONS]
    meant = get_close_matches(key, known, n=1, cutoff=0.75)
    if not meant:
        last = key.rpartition(".")[2]
        by_name = {other.rpartition(".")[2]: other for other in reversed(known)}
        meant = [by_name[name] for name in get_close_matches(last, by_name, n=1, cutoff=0.8)]
    hint = f"did you mean {meant[0]}?" if meant else "remove it"
    if meant and "." in key and "." not in meant[0]:
        hint += " Write it above the first [table]: what follows one belongs to it"
    return f"{key}: there is no such setting; {hint}"


def show(key: str, value: object) -> str:
    """Return key and value for printing, without the value of a secret."""
    setting = SETTINGS.get(key)
    if setting is None or setting.is_secret or isinstance(value, dict):
        return key
    text = repr(value) if isinstance(value, str) else str(value)
    return f"{key} = {text[:_LONGEST_VALUE]}{'…' if len(text) > _LONGEST_VALUE else ''}"


def explain(error: ValidationError) -> dict[str, str]:
    """Map each dotted key that pydantic refused to its fix."""
    fixes: dict[str, str] = {}
    for detail in error.errors(include_url=False, include_input=False):
        if detail["type"] == "default_factory_not_called":
            continue
        key = _key_of(detail["loc"])
        fixes.setdefault(key, _fix(key, detail["type"], dict(detail.get("ctx", {})), detail["msg"]))
    return fixes


def _key_of(location: tuple[int | str, ...]) -> str:
    """Return the longest part of a location that is a setting or a table; "" if none is."""
    key = ""
    for part in location:
        longer = f"{key}.{part}" if key else str(part)
        if longer not in SETTINGS and longer not in SECTIONS:
            break
        key = longer
    return key


def _fix(key: str, kind: str, context: dict[str, Any], message: str) -> str:
    if kind == "value_error":
        return str(context["error"])
    description = SETTINGS[key].field.description if key in SETTINGS else ""
    template = _FIXES.get(kind)
    if template is None:
        return message
    return template.format(**{"key": key, "description": description, **context})
