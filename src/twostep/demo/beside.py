"""The panel with the fake phone beside it, in one window.

Pages of an installation refuse to be framed. Those of the demo do too, but for the demo's own page: a
browser says in `Sec-Fetch-Dest` and `Sec-Fetch-Site` that it is one of our pages that frames them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twostep.demo.asked import PHONE
from twostep.demo.phone_page import demo_environment
from twostep.web.frame.frame import frame
from twostep.web.frame.render import static_url
from twostep.web.visit import Visit


_OURS = {(b"sec-fetch-dest", b"iframe"), (b"sec-fetch-site", b"same-origin")}
_FRAMED = {b"x-frame-options": b"SAMEORIGIN"}


_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)


async def show_beside(visit: Visit) -> Response:
    """GET /_demo/beside."""
    html = (
        demo_environment(visit.language)
        .get_template("beside.html")
        .render(
            url=visit.url,
            static=partial(static_url, visit.url),
            frame=frame(visit),
            panel_url=visit.url("account.dashboard"),
            phone_url=visit.url(PHONE),
        )
    )
    headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": _POLICY}
    return Response(html, headers=headers)


def framed_by_itself(app: ASGIApp) -> ASGIApp:
    """Let pages be framed by pages of the same origin, and by nobody else."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        is_ours = scope["type"] == "http" and set(map(tuple, scope["headers"])) >= _OURS

        async def send_framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = list(_loosened(message["headers"]))
            await send(message)

        await app(scope, receive, send_framed if is_ours else send)

    return serve


def _loosened(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    for name, value in headers:
        if name == b"content-security-policy":
            yield name, value.replace(b"frame-ancestors 'none'", b"frame-ancestors 'self'")
        else:
            yield name, _FRAMED.get(name, value)
