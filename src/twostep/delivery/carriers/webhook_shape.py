"""What requests look like for a receiver that has a contract of its own, and what its answers mean.

Every default is our own contract. Placeholders stand for what a message says: {id}, {channel}, {to}
(E.164), {to_digits} (without the plus), {text}, {code}, {language}, {expires_at} (Unix seconds),
{status_url} and {steps_url}. Nothing is ever put into the address: gateways and proxies log those.
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
# One pass, so that a value which looks like a placeholder stays as it is.
_PLACE = re.compile(rf"\{{({'|'.join(PLACEHOLDERS)})\}}")


@dataclass(frozen=True, slots=True)
class Shape:
    """`body`: of a JSON request, `form`: of a form; neither: our own contract.

    `success`: first and last status of a yes. `success_pointer`: where in the JSON answer
    `success_value` must stand besides (RFC 6901); `id_pointer`: where the receiver's own id stands.
    `retry`: statuses that mean "later".
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


def shape_of(own: WebhookSettings) -> Shape:
    """Return what the settings ask for."""
    password = own.password.get_secret_value() if own.password else ""
    return Shape(
        method=own.method,
        headers=own.headers,
        body=own.body,
        form=own.form,
        basic=(own.user, password) if own.user else None,
        success=own.success,
        success_pointer=own.success_pointer,
        success_value=own.success_value,
        id_pointer=own.id_pointer,
        retry=frozenset(own.retry_statuses),
    )


def fill(template: object, values: Mapping[str, object]) -> object:
    """Put a message's values into every text of a JSON value."""
    if isinstance(template, str):
        return _PLACE.sub(lambda found: _written(values.get(found[1])), template)
    if isinstance(template, Mapping):
        return {name: fill(one, values) for name, one in template.items()}
    if isinstance(template, list | tuple):
        return [fill(one, values) for one in template]
    return template


def _written(value: object) -> str:
    return "" if value is None else str(value)


def point(found: object, pointer: str) -> object:
    """Return what a JSON pointer (RFC 6901) names; None where there is nothing."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found
