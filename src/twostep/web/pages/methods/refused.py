"""A page that cannot be opened now: why not, and a link back."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Reason, Refused
from twostep.i18n import N_, translator
from twostep.web import view
from twostep.web.frame import problem
from twostep.web.frame.frame import page, reader, refused_status, see_other
from twostep.web.visit import Visit
from twostep.web.words.refusals import sentence


_TITLES = {
    Reason.APP_LIMIT: N_("You can't add more apps"),
    Reason.PASSKEY_LIMIT: N_("You can't add more passkeys"),
    Reason.PHONE_LIMIT: N_("You can't add more phones"),
    Reason.PHONE_NEEDS_APP: N_("Set up an authenticator app first"),
    Reason.NOT_ALLOWED: N_("Two-step sign-in stays on"),
}
_OTHER = N_("This is not possible right now")


def refused_page(visit: Visit, refused: Refused) -> Response:
    """Say why, or go to the page that removes the obstacle; 404 if it does not exist."""
    if refused.reason is Reason.NOT_FOUND:
        return problem.not_found(visit)
    if refused.reason is Reason.SETUP_UNCONFIRMED:
        return see_other(visit.url("methods.first_setup"))
    _ = translator(visit.language).gettext
    link = view.Link(visit.url("account.security"), _("Account security"))
    if refused.reason is Reason.PHONE_NEEDS_APP:
        link = view.Link(visit.url("methods.app_new"), _("Set it up now"))
    return page(
        visit,
        "message.html",
        status=refused_status(refused),
        title=_(_TITLES.get(refused.reason, _OTHER)),
        kind="info",
        sentences=(sentence(refused, reader(visit)),),
        link=link,
    )
