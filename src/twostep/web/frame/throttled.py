"""The page of a wait: until when, in words, and the ways that have limits of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.responses import Response

from twostep.core.refusal import Refused
from twostep.web import view
from twostep.web.frame.frame import page, set_retry_after
from twostep.web.visit import Visit


def throttled(
    visit: Visit,
    refused: Refused,
    *,
    scope: str,
    back_url: str,
    ways: Sequence[view.WayRow] = (),
    send_url: str = "",
    here_url: str = "",
    hidden: Mapping[str, str] | None = None,
    passkey: view.PasskeyUrls | None = None,
    status: int = 429,
) -> Response:
    """The page "Too many tries".

    `scope`: password, code, backup, send, link or page. `ways` are forms that go to `send_url` and
    `here_url`, with `hidden` fields.
    """
    response = page(
        visit,
        "throttled.html",
        status=status,
        until=refused.retry_at or visit.now + 1,
        scope=scope,
        ways=tuple(ways),
        send_url=send_url,
        here_url=here_url,
        hidden=dict(hidden or {}),
        back_url=back_url,
        passkey=passkey,
    )
    if status == 429:
        set_retry_after(response, refused, now=visit.now)
    return response
