"""GET /api/session: who is signed in, at which assurance level, and since when.

A reverse proxy asks this on every request, and asking counts as activity of the person: who works in
the application behind it is not signed out for being idle. `/api/session/peek` says the same and does
not count, for what asks by itself.

`SessionCheck` answers a plain 200 directly; everything else takes the ordinary path, through `show`.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import Response

from twostep.core.sign_in.session import Session, needs_seen
from twostep.web.door.session_check import HEADERS, JSON, describe
from twostep.web.visit import Visit


async def show(visit: Visit) -> Response:
    """The session as JSON, with the end that this request has put off."""
    current = visit.current
    if needs_seen(current, now=visit.now):
        current = replace(current, seen_at=visit.now)
    return _answer(visit, current)


async def peek(visit: Visit) -> Response:
    """The session as JSON."""
    return _answer(visit, visit.current)


def _answer(visit: Visit, session: Session) -> Response:
    content = describe(session, visit.owner, limits=visit.env.limits)
    return Response(content, media_type=JSON, headers=HEADERS)
