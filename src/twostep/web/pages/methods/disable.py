"""Turn two-step sign-in off."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.password import MIN_LENGTH
from twostep.flows.methods.two_step import Disabled, turn_off, view_disabling
from twostep.i18n import translator
from twostep.web.frame.frame import page, see_other
from twostep.web.frame.rows import count_of_codes
from twostep.web.pages.methods.refused import refused_page
from twostep.web.pages.sign_in.sign_in import LONGEST_PASSWORD
from twostep.web.visit import Visit
from twostep.web.words.flash import say


async def show(visit: Visit) -> Response:
    """GET /settings/security/disable."""
    return await _form(visit, None)


async def submit(visit: Visit) -> Response:
    """POST /settings/security/disable."""
    answer = await visit.do(
        turn_off, visit.current, visit.owner, new=visit.field("new_password")[:LONGEST_PASSWORD]
    )
    if isinstance(answer, Refused):
        return await _form(visit, answer)
    await say(visit, "disabled")
    return see_other(visit.url("account.security"))


async def _form(visit: Visit, refused: Refused | None) -> Response:
    found = await visit.read(view_disabling, visit.owner)
    if isinstance(found, Refused):
        if found.reason is Reason.CHANGED:  # it is off
            return see_other(visit.url("account.security"))
        return refused_page(visit, found)
    return page(
        visit,
        "disable.html",
        refused=refused,
        goes=_goes(visit, found),
        new_password=visit.owner.password_short,
        minimum=MIN_LENGTH,
    )


def _goes(visit: Visit, found: Disabled) -> tuple[str, ...]:
    """What is deleted, in words."""
    words = translator(visit.language)
    said = []
    if found.apps:
        apps = words.ngettext(
            "%(count)s authenticator app", "%(count)s authenticator apps", found.apps
        )
        said.append(apps % {"count": found.apps})
    if found.passkeys:
        passkeys = words.ngettext("%(count)s passkey", "%(count)s passkeys", found.passkeys)
        said.append(passkeys % {"count": found.passkeys})
    if found.phones:
        phones = words.ngettext("%(count)s backup phone", "%(count)s backup phones", found.phones)
        said.append(phones % {"count": found.phones})
    if found.codes:
        said.append(count_of_codes(visit, found.codes))
    return tuple(said)
