"""Requests for a receiver with a format of its own, and the meaning of its answers.

The defaults are our own format. Placeholders stand for parts of a message: {id}, {channel}, {to}
(E.164), {to_digits} (without the plus), {text}, {code}, {language}, {expires_at} (Unix seconds),
{status_url} and {steps_url}. Nothing is ever put into the URL: gateways and proxies log URLs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twostep.config.webhook import WebhookSettings


PLACEHOLDERS = (
    "id", "channel", "to", "to_digits", "text", "code", "language", "expires_at", "status_url",
    "steps_url",
)  # fmt: skip
# A single pass, so that a value that looks like a placeholder is left alone.
_PLACE = re.compile(rf"\{{({'|'.join(PLACEHOLDERS)})\}}")


@dataclass(frozen=True, slots=True)
class Shape:
    """`body`: template of a JSON request; `form`: of a form request; neither: our own format.

    `success`: the first and last status that mean success. `success_pointer`: where in the JSON
    answer (RFC 6901) `success_value` is required as well; `id_pointer`: where the receiver's own id
    is.
    `retry`: statuses that mean "try again later".
    """

    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    success: tuple[int, int] = (200, 299)
    success_pointer: str = ""
    success_value: str = ""
    id_pointer: str = "/id"
    retry: frozenset[int] = frozenset()


def shape_of(section: WebhookSettings) -> Shape:
    """Return the shape the settings ask for."""
    password = section.password.get_secret_value() if section.password else ""
    return Shape(
        method=section.method,
        headers=section.headers,
        body=section.body,
        form=section.form,
        basic=(section.user, password) if section.user else None,
        success=section.success,
        success_pointer=section.success_pointer,
        success_value=section.success_value,
        id_pointer=section.id_pointer,
        retry=frozenset(section.retry_statuses),
    )


def fill(template: object, values: Mapping[str, object]) -> object:
    """Fill a message's values into all strings of a JSON value."""
    if isinstance(template, str):
        return _PLACE.sub(lambda match: _written(values.get(match[1])), template)
    if isinstance(template, Mapping):
        return {name: fill(value, values) for name, value in template.items()}
    if isinstance(template, list | tuple):
        return [fill(value, values) for value in template]
    return template


def _written(value: object) -> str:
    return "" if value is None else str(value)


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdecimal()


def point(value: object, pointer: str) -> object:
    """Return the value at a JSON pointer (RFC 6901), or None."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list) and _is_index(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value
