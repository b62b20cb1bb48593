"""Remembered and known browsers: forget one or all."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Refused
from twostep.flows.proof import known_browsers, remembered_browsers
from twostep.web.frame import problem
from twostep.web.frame.frame import redirect_with_flash
from twostep.web.visit import Visit


NEXT_PAGE = "account.security"


async def forget(visit: Visit) -> Response:
    """POST /settings/security/browsers/{id}/forget."""
    answer = await visit.do(
        remembered_browsers.forget_browser, visit.current, browser_id=visit.params["id"]
    )
    if isinstance(answer, Refused):
        return problem.not_found(visit)
    return await redirect_with_flash(visit, NEXT_PAGE, "browser_forgotten")


async def forget_known(visit: Visit) -> Response:
    """POST /settings/security/known-browsers/{id}/forget."""
    answer = await visit.do(
        known_browsers.forget_by_owner, visit.current, browser_id=visit.params["id"]
    )
    if isinstance(answer, Refused):
        return problem.not_found(visit)
    return await redirect_with_flash(visit, NEXT_PAGE, "known_browser_forgotten")


async def forget_all(visit: Visit) -> Response:
    """POST /settings/security/browsers/forget-all."""
    answer = await visit.do(remembered_browsers.forget_all, visit.current)
    if isinstance(answer, Refused):
        return problem.not_found(visit)
    return await redirect_with_flash(visit, NEXT_PAGE, "browsers_forgotten")
