"""GET /api/session: who is signed in, how surely, and since when. The cheapest signed-in answer."""

from __future__ import annotations

import json

from starlette.responses import Response

from twostep.core import session as session_core
from twostep.web.visit import Visit


async def show(visit: Visit) -> Response:
    """The session as JSON; `auth_time` is Unix seconds of the newest factor."""
    current = visit.current
    content = json.dumps(
        {
            "account": visit.owner.name,
            "aal": current.aal,
            "amr": current.amr.split(),
            "auth_time": current.auth_time,
            "expires_at": session_core.ends_at(current, limits=visit.env.limits),
        }
    )
    return Response(content, media_type="application/json", headers={"cache-control": "no-store"})
