"""GET /api/session: who is signed in, at which assurance level, and since when.

A reverse proxy may ask this on every request, so `SessionCheck` answers a plain 200 directly;
everything else takes the ordinary path, through `show`.
"""

from __future__ import annotations

from starlette.responses import Response

from twostep.web.door.session_check import HEADERS, JSON, describe
from twostep.web.visit import Visit


async def show(visit: Visit) -> Response:
    """The session as JSON."""
    content = describe(visit.current, visit.owner, limits=visit.env.limits)
    return Response(content, media_type=JSON, headers=HEADERS)
