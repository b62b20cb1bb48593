"""The body of a POST: read within limits, and accepted only as a plain form."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from starlette.types import Receive


LARGEST_BODY = 64 * 1024
MOST_FIELDS = 100
FORM = "application/x-www-form-urlencoded"


class BadForm(Exception):
    """The body is not a plain form we can read. `status`: 400, 408, 413 or 415."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


async def read_body(receive: Receive, declared: str, *, seconds: float) -> bytes:
    """Read the body. Raises `BadForm`: over 64 KiB, whatever length was declared (413), or not
    complete after `seconds` (408)."""
    if declared.isascii() and declared.isdecimal() and int(declared) > LARGEST_BODY:
        raise BadForm(413)
    try:
        async with asyncio.timeout(seconds):
            return await _read_all(receive)
    except TimeoutError:
        raise BadForm(408) from None


async def _read_all(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadForm(400)
        chunk: bytes = message.get("body", b"")
        body += chunk
        if len(body) > LARGEST_BODY:
            raise BadForm(413)
        if not message.get("more_body", False):
            return body


def read_form(body: bytes, content_type: str) -> dict[str, str]:
    """Read the fields. Raises `BadForm`: wrong type (415); not UTF-8, NUL, too many fields (400)."""
    if not body:
        return {}
    kind, _, parameter = content_type.partition(";")
    charset = parameter.strip().lower()
    if kind.strip().lower() != FORM or charset not in {"", "charset=utf-8"}:
        raise BadForm(415)
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except (UnicodeDecodeError, ValueError):
        raise BadForm(400) from None
    if any("\x00" in name or "\x00" in value for name, value in pairs):
        raise BadForm(400)
    return dict(pairs)
