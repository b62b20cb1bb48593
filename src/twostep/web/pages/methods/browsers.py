"""Remembered browsers: forget one, or all."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Refused
from twostep.flows.proof import remembered_browsers as remember_browser
from twostep.web.frame import problem
from twostep.web.frame.frame import see_other
from twostep.web.visit import Visit
from twostep.web.words.flash import say


DONE = "account.security"


async def forget(visit: Visit) -> Response:
    """POST /settings/security/browsers/{id}/forget."""
    answer = await visit.do(
        remember_browser.forget_browser, visit.current, browser_id=visit.params["id"]
    )
    if isinstance(answer, Refused):
        return problem.not_found(visit)
    await say(visit, "browser_forgotten")
    return see_other(visit.url(DONE))


async def forget_all(visit: Visit) -> Response:
    """POST /settings/security/browsers/forget-all."""
    answer = await visit.do(remember_browser.forget_all, visit.current)
    if isinstance(answer, Refused):
        return problem.not_found(visit)
    await say(visit, "browsers_forgotten")
    return see_other(visit.url(DONE))
