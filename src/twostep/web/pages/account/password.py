"""Change the password."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import password as password_core
from twostep.flows.account.password import change_password
from twostep.web.frame.frame import page, redirect_with_flash
from twostep.web.frame.throttled import throttled
from twostep.web.pages.sign_in.sign_in import LONGEST_PASSWORD
from twostep.web.visit import Visit


async def show(visit: Visit) -> Response:
    """GET /settings/password."""
    return _form(visit, None)


async def submit(visit: Visit) -> Response:
    """POST /settings/password: ends every other session."""
    answer = await visit.do(
        change_password,
        visit.current,
        typed=visit.field("current_password")[:LONGEST_PASSWORD],
        new=visit.field("new_password")[:LONGEST_PASSWORD],
    )
    if isinstance(answer, Refused):
        if answer.reason is Reason.THROTTLED:
            return throttled(visit, answer, what="page", back_url=visit.url("account.settings"))
        return _form(visit, answer)
    return await redirect_with_flash(visit, "account.settings", "password_changed")


def _form(visit: Visit, refused: Refused | None) -> Response:
    two_step = visit.owner.two_step
    minimum = password_core.MIN_LENGTH_WITH_TWO_STEP if two_step else password_core.MIN_LENGTH
    return page(
        visit,
        "password.html",
        refused=refused,
        minimum=minimum,
        user_name=visit.owner.name,
    )
