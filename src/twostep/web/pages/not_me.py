""" "This wasn't me": GET asks and changes nothing, POST acts once, without signing in."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Reason, Refused
from twostep.flows.contain import Containment, contain, view_containment
from twostep.i18n import N_, translator
from twostep.web import view
from twostep.web.frame import page, see_other
from twostep.web.pages.sign_in import LONGEST_PASSWORD
from twostep.web.throttled import throttled
from twostep.web.visit import Visit


# Where a link's own page leads afterwards; no link is as short.
DONE = "done"
_UNDO = {
    "app": N_("remove the authenticator app that was added"),
    "passkey": N_("remove the passkey that was added"),
    "phone": N_("remove the phone number that was added"),
    "codes": N_("make the new backup codes useless"),
    "email": N_("remove the e-mail address that was added"),
}


async def show(visit: Visit) -> Response:
    """GET /not-me/{token}."""
    if visit.params["token"] == DONE:
        return _done(visit)
    found = await _find(visit)
    if isinstance(found, Refused):
        return page(visit, "link_dead.html", status=404, password=False, days=14)
    return _ask(visit, found, None)


async def submit(visit: Visit) -> Response:
    """POST /not-me/{token}."""
    found = await _find(visit)
    if isinstance(found, Refused):
        return page(visit, "link_dead.html", status=422, password=False, days=14)
    answer = await contain(
        visit.env,
        visit.visitor,
        link=visit.params["token"],
        typed=visit.field("password")[:LONGEST_PASSWORD],
        now=visit.now,
    )
    if isinstance(answer, Refused):
        if answer.reason is Reason.THROTTLED:
            return throttled(visit, answer, scope="link", back_url=visit.path)
        if answer.reason is Reason.LINK_DEAD:
            return page(visit, "link_dead.html", status=422, password=False, days=14)
        return _ask(visit, found, answer)
    kept = "?kept=1" if found.undo and not answer.undone else ""
    return see_other(f"/not-me/{DONE}{kept}")


def _done(visit: Visit) -> Response:
    _ = translator(visit.language).gettext
    sentences = [
        _("Every device was signed out, and your password no longer works."),
        _("We have sent a link for a new password to your e-mail addresses."),
    ]
    if "kept" in visit.query:
        sentences.append(
            _("We did not undo the change, because it would lock you out. Talk to the help desk.")
        )
    return page(
        visit,
        "message.html",
        title=_("Your account is secured"),
        kind="ok",
        sentences=tuple(sentences),
        link=view.Link("/help", _("Help")),
    )


async def _find(visit: Visit) -> Containment | Refused:
    return await visit.env.store.read(view_containment, link=visit.params["token"], now=visit.now)


def _ask(visit: Visit, found: Containment, refused: Refused | None) -> Response:
    words = translator(visit.language)
    undone = (words.gettext(_UNDO[found.undo]),) if found.undo else ()
    return page(
        visit,
        "not_me.html",
        refused=refused,
        field="password",
        token=visit.params["token"],
        undone=undone,
        needs_password=found.needs_password,
    )
