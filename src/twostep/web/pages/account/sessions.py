"""Where the account is signed in: end one session, or every other one."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Refused
from twostep.flows.account.security_view import view_security
from twostep.flows.sign_in import sessions
from twostep.web.frame import problem
from twostep.web.frame.frame import page, see_other
from twostep.web.frame.rows import session_rows
from twostep.web.visit import Visit
from twostep.web.words.flash import say


HERE = "account.sessions"


async def show(visit: Visit) -> Response:
    """GET /settings/sessions."""
    found = await visit.read(view_security, visit.owner, visit.current)
    return page(
        visit,
        "sessions.html",
        sessions=session_rows(visit, found.sessions),
        offered=found.offered,
    )


async def end(visit: Visit) -> Response:
    """POST /settings/sessions/{id}/end."""
    answer = await visit.do(sessions.end_session, visit.current, session_id=visit.params["id"])
    if isinstance(answer, Refused):
        return problem.not_found(visit)
    await say(visit, "session_ended")
    return see_other(visit.url(HERE))


async def end_others(visit: Visit) -> Response:
    """POST /settings/sessions/end-others: half sessions too."""
    answer = await visit.do(sessions.end_others, visit.current)
    if isinstance(answer, Refused):
        return problem.not_found(visit)
    await say(visit, "others_ended")
    return see_other(visit.url(HERE))
