"""One HTTP exchange with a provider, the same for all of them.

Network errors become outcomes here, so that adapters only have to read answers. A request that was
certainly not sent is temporary; once it may have been written, the outcome is ambiguous.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from twostep.delivery.port import (
    SEND_SECONDS,
    Ambiguous,
    Misconfigured,
    SendOutcome,
    Temporary,
    Throttled,
    redact,
)


TIMEOUT = httpx2.Timeout(10.0, connect=3.0, pool=3.0)
MAX_ANSWER_BYTES = 64 * 1024
DEFAULT_RETRY_SECONDS = 5
MAX_RETRY_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `form` is encoded as the body; `content` is the body as it is."""

    url: str
    method: str = "POST"
    headers: Mapping[str, str] | None = None
    form: Mapping[str, str] | None = None
    content: bytes | None = None
    basic: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer. A body longer than 64 KiB counts as empty."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body decoded as UTF-8, with invalid bytes replaced."""
        return self.body.decode(errors="replace")

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty if it is anything else."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


async def exchange(
    client: httpx2.AsyncClient, request: Request
) -> HttpAnswer | Temporary | Ambiguous:
    """Send a request and read the answer.

    Redirects are not followed: that would carry password and code to another host, perhaps one
    inside our own network.
    """
    try:
        async with (
            asyncio.timeout(SEND_SECONDS),
            client.stream(
                request.method,
                request.url,
                headers=request.headers,
                data=request.form,
                content=request.content,
                auth=request.basic,
                timeout=TIMEOUT,
                follow_redirects=False,
            ) as answer,
        ):
            return HttpAnswer(answer.status_code, answer.headers, await _read(answer))
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        return Temporary(f"no connection: {type(error).__name__}")
    except (httpx2.RequestError, TimeoutError) as error:
        return Ambiguous(f"no answer: {type(error).__name__}")


def read_fault(answer: HttpAnswer, *, code: str = "", message: str = "") -> SendOutcome:
    """Map an unsuccessful answer that the provider's own error table does not cover."""
    status = answer.status
    if status == 429:
        return Throttled(retry_after(answer.headers))
    if 300 <= status < 400:
        return Misconfigured(f"redirected with {status}: is the address of the interface right?")
    if status == 504:
        return Ambiguous("the provider's own gateway timed out")
    if status == 408 or status >= 500:
        return Temporary(f"HTTP {status}")
    # Any other refusal is about the account, not the recipient: password, balance, sender,
    # parameters.
    named = f", error {code}" if code else ""
    return Misconfigured(f"HTTP {status}{named}: {redact(message)}")


def retry_after(headers: Mapping[str, str]) -> int:
    """Seconds that the provider asks us to wait, within bounds."""
    value = headers.get("Retry-After", "")
    if not (value.isascii() and value.isdecimal()):
        return DEFAULT_RETRY_SECONDS
    return min(max(int(value), 1), MAX_RETRY_SECONDS)


async def _read(answer: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            return b""
    return bytes(body)
