"""Turn two-step sign-in off."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.password import MIN_LENGTH
from twostep.flows.methods.two_step import Disabled, turn_off, view_disabling
from twostep.i18n import translator
from twostep.web.frame.frame import page, redirect_with_flash, see_other
from twostep.web.frame.rows import count_of_codes
from twostep.web.pages.methods.refused import refused_page
from twostep.web.pages.sign_in.sign_in import LONGEST_PASSWORD
from twostep.web.visit import Visit


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
    return await redirect_with_flash(visit, "account.security", "disabled")


async def _form(visit: Visit, refused: Refused | None) -> Response:
    disabling = await visit.read(view_disabling, visit.owner)
    if isinstance(disabling, Refused):
        if disabling.reason is Reason.CHANGED:  # already off
            return see_other(visit.url("account.security"))
        return refused_page(visit, disabling)
    return page(
        visit,
        "disable.html",
        refused=refused,
        goes=_deletions(visit, disabling),
        new_password=visit.owner.password_short,
        minimum=MIN_LENGTH,
    )


def _deletions(visit: Visit, disabling: Disabled) -> tuple[str, ...]:
    """What turning it off deletes, as phrases."""
    words = translator(visit.language)
    phrases = []
    if disabling.apps:
        apps = words.ngettext(
            "%(count)s authenticator app", "%(count)s authenticator apps", disabling.apps
        )
        phrases.append(apps % {"count": disabling.apps})
    if disabling.passkeys:
        passkeys = words.ngettext("%(count)s passkey", "%(count)s passkeys", disabling.passkeys)
        phrases.append(passkeys % {"count": disabling.passkeys})
    if disabling.phones:
        phones = words.ngettext(
            "%(count)s backup phone", "%(count)s backup phones", disabling.phones
        )
        phrases.append(phones % {"count": disabling.phones})
    if disabling.codes:
        phrases.append(count_of_codes(visit, disabling.codes))
    return tuple(phrases)
