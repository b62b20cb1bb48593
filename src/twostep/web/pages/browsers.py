"""Remembered browsers: forget one, or all."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Refused
from twostep.flows import remember_browser
from twostep.web import problem
from twostep.web.flash import say
from twostep.web.frame import see_other
from twostep.web.visit import Visit


DONE = "/settings/security"


async def forget(visit: Visit) -> Response:
    """POST /settings/security/browsers/{id}/forget."""
    answer = await visit.env.store.run(
        remember_browser.forget_browser,
        visit.visitor,
        visit.current,
        browser_id=visit.params["id"],
        now=visit.now,
    )
    if isinstance(answer, Refused):
        return problem.not_found(visit)
    await say(visit, "browser_forgotten")
    return see_other(DONE)


async def forget_all(visit: Visit) -> Response:
    """POST /settings/security/browsers/forget-all."""
    answer = await visit.env.store.run(
        remember_browser.forget_all, visit.visitor, visit.current, now=visit.now
    )
    if isinstance(answer, Refused):
        return problem.not_found(visit)
    await say(visit, "browsers_forgotten")
    return see_other(DONE)
