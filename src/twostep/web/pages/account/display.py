"""The form below every page: its language, and light or dark. It is open to strangers."""

from __future__ import annotations

from starlette.responses import Response

from twostep import i18n
from twostep.flows.account.profile import choose_language
from twostep.web.door import cookies
from twostep.web.door.origin import safe_next
from twostep.web.frame.frame import see_other
from twostep.web.visit import Visit


async def change(visit: Visit) -> Response:
    """POST /language: kept in cookies, and the language in the session or profile where there is one.

    Light or dark has no place in a profile: it depends on the screen and the room.
    """
    language, appearance = visit.field("language"), visit.field("appearance")
    response = see_other(safe_next(visit, visit.field("next")))
    if i18n.has_language(language):
        if visit.session is not None:
            await visit.do(choose_language, visit.session, language=language)
        cookies.set_language(response, visit.env, language)
    if appearance:
        cookies.set_appearance(response, visit.env, appearance)
    return response
