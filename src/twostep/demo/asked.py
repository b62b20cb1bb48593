"""A POST to a demo route: JSON from scripts, or a form of the phone page.

Scripts get data back; the page gets a redirect to itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import JSONResponse, Response

from twostep.web.door.forms import BadForm, read_form
from twostep.web.frame.frame import see_other
from twostep.web.visit import Visit


PHONE = "demo.phone"
_RETURN = ("show", "id")


class BadRequest(Exception):
    """The request cannot be carried out; the message says why. `status`: 400, 404 or 409."""

    def __init__(self, detail: str, *, status: int = 400) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """The fields. `back`: where the phone page returns to; None for a script."""

    fields: Mapping[str, object]
    back: str | None = None

    def number(self, name: str) -> int:
        """A whole number. Raises `BadRequest`."""
        value = self.fields.get(name)
        if self.back is not None and isinstance(value, str):
            try:
                return int(value)
            except ValueError:
                value = None
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadRequest(f'"{name}" must be a whole number')
        return value

    def text(self, name: str) -> str:
        """A string. Raises `BadRequest`."""
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise BadRequest(f'"{name}" must be a text')
        return value

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of `choices`. Raises `BadRequest`."""
        value = self.fields.get(name)
        if not isinstance(value, str) or value not in choices:
            raise BadRequest(f'"{name}" must be one of: {", ".join(choices)}')
        return value

    def answer(self, data: object = None) -> Response:
        """The response on success: 204, or 200 with data; for the page, 303 back to it."""
        if self.back is not None:
            return see_other(self.back)
        if data is None:
            return Response(status_code=204)
        return JSONResponse(data, headers={"cache-control": "no-store"})


def read_request(visit: Visit) -> DemoRequest:
    """Read a body. JSON is accepted with any content type, as scripts often send none. Raises `BadRequest`."""
    body = visit.body.strip()
    if not body:
        return DemoRequest({})
    kind = visit.headers.get("content-type", "")
    if body.startswith(b"{") or "json" in kind or not kind:
        return DemoRequest(_read_json(body))
    try:
        form = read_form(visit.body, kind)
    except BadForm:
        raise BadRequest('send JSON, like {"offset_seconds": 60}') from None
    query = {name: form[name] for name in _RETURN if form.get(name)}
    path = visit.url(PHONE)
    return DemoRequest(form, back=f"{path}?{urlencode(query)}" if query else path)


def problem(refused: BadRequest) -> Response:
    """The response to a bad request (RFC 9457)."""
    titles = {400: "Bad request", 404: "Not found", 409: "Conflict"}
    return JSONResponse(
        {
            "type": "about:blank",
            "title": titles[refused.status],
            "status": refused.status,
            "detail": str(refused),
        },
        refused.status,
        headers={"cache-control": "no-store"},
        media_type="application/problem+json",
    )


def _read_json(body: bytes) -> dict[str, object]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None
    if not isinstance(content, dict):
        raise BadRequest("the body must be a JSON object")
    return content
