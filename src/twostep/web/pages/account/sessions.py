"""Where the account is signed in: end one session, or all but this one."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Refused
from twostep.flows.account.security_view import view_security
from twostep.flows.sign_in import sessions
from twostep.web.frame import problem
from twostep.web.frame.frame import page, redirect_with_flash
from twostep.web.frame.rows import session_rows
from twostep.web.visit import Visit


PAGE = "account.sessions"


async def show(visit: Visit) -> Response:
    """GET /settings/sessions."""
    security = await visit.read(view_security, visit.owner, visit.current)
    return page(
        visit,
        "sessions.html",
        sessions=session_rows(visit, security.sessions),
        offered=security.offered,
    )


async def end(visit: Visit) -> Response:
    """POST /settings/sessions/{id}/end."""
    answer = await visit.do(sessions.end_session, visit.current, session_id=visit.params["id"])
    if isinstance(answer, Refused):
        return problem.not_found(visit)
    return await redirect_with_flash(visit, PAGE, "session_ended")


async def end_others(visit: Visit) -> Response:
    """POST /settings/sessions/end-others, including half sessions."""
    answer = await visit.do(sessions.end_others, visit.current)
    if isinstance(answer, Refused):
        return problem.not_found(visit)
    return await redirect_with_flash(visit, PAGE, "others_ended")
