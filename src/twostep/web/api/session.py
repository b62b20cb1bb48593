"""GET /api/session: who is signed in, how surely, and since when. The cheapest signed-in answer.

What stands in front of an application asks it at every request, so a plain "yes" is answered by
`SessionCheck`, without a page around it; everything else goes the ordinary way, through `show`.
"""

from __future__ import annotations

from starlette.responses import Response

from twostep.web.door.session_check import HEADERS, JSON, describe
from twostep.web.visit import Visit


async def show(visit: Visit) -> Response:
    """The session as JSON."""
    content = describe(visit.current, visit.owner, limits=visit.env.limits)
    return Response(content, media_type=JSON, headers=HEADERS)
