""" "This wasn't me": GET asks and changes nothing, POST acts once.

Reached from a link in a mail without signing in, or from a row of the account's activity after a step-up.
"""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Refused
from twostep.flows.account.activity import load_activity
from twostep.flows.recovery.not_me import (
    Containment,
    Find,
    by_event,
    by_link,
    contain,
    view_containment,
)
from twostep.i18n import N_, translator
from twostep.web import view
from twostep.web.door import cookies
from twostep.web.frame import problem
from twostep.web.frame.frame import page, see_other
from twostep.web.visit import Visit
from twostep.web.words.events import activity_sentence


# Stands in for the link's token once it is used; real tokens are longer.
DONE_TOKEN = "done"
LONGEST_SEQ = 15
_UNDO = {
    "app": N_("remove the authenticator app that was added"),
    "passkey": N_("remove the passkey that was added"),
    "phone": N_("remove the phone number that was added"),
    "codes": N_("cancel the new backup codes"),
    "email": N_("remove the e-mail address that was added"),
}


async def show(visit: Visit) -> Response:
    """GET /not-me/{token}."""
    if visit.params["token"] == DONE_TOKEN:
        return _confirmation(visit)
    containment = await _view(visit, _by_link(visit))
    if isinstance(containment, Refused):
        return _link_dead(visit, status=404)
    return await _ask(visit, containment)


async def submit(visit: Visit) -> Response:
    """POST /not-me/{token}."""
    answer = await _contain(visit, _by_link(visit))
    return _link_dead(visit, status=422) if answer is None else answer


async def show_event(visit: Visit) -> Response:
    """GET /settings/activity/{id}/not-me."""
    containment = await _view(visit, _by_event(visit))
    return (
        problem.not_found(visit)
        if isinstance(containment, Refused)
        else await _ask(visit, containment)
    )


async def submit_event(visit: Visit) -> Response:
    """POST /settings/activity/{id}/not-me: ends this session and all others."""
    answer = await _contain(visit, _by_event(visit))
    if answer is None:
        return problem.not_found(visit)
    if answer.status_code == 303:
        cookies.expire_session(answer, visit.env)
    return answer


def _by_link(visit: Visit) -> Find:
    return by_link(visit.params["token"], now=visit.now)


def _by_event(visit: Visit) -> Find:
    return by_event(visit.current, seq=_seq(visit), now=visit.now)


def _seq(visit: Visit) -> int:
    """The event's number; 0, which no event has, if the path contains no number."""
    typed = visit.params["id"]
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) <= LONGEST_SEQ else 0


async def _view(visit: Visit, find: Find) -> Containment | Refused:
    return await visit.read(view_containment, find)


async def _contain(visit: Visit, find: Find) -> Response | None:
    """Secure the account; None: the link or event is no longer valid."""
    containment = await _view(visit, find)
    answer = await visit.do(contain, find)
    if isinstance(containment, Refused) or isinstance(answer, Refused):
        return None
    query = "?kept=1" if containment.kept else ""
    return see_other(visit.url("recovery.not_me", token=DONE_TOKEN) + query)


def _link_dead(visit: Visit, *, status: int) -> Response:
    return page(visit, "link_dead.html", status=status, password=False, days=14)


def _confirmation(visit: Visit) -> Response:
    _ = translator(visit.language).gettext
    sentences = [
        _("Every device was signed out, and your password no longer works."),
        _("We have sent a link for a new password to your e-mail addresses."),
    ]
    if "kept" in visit.query:
        sentences.append(
            _("The app or passkey that was added stays until the help desk has removed it.")
        )
    return page(
        visit,
        "message.html",
        title=_("Your account is secured"),
        kind="ok",
        sentences=tuple(sentences),
        link=view.Link(visit.url("help"), _("Help")),
    )


async def _ask(visit: Visit, containment: Containment) -> Response:
    words = translator(visit.language)
    undone = (words.gettext(_UNDO[containment.undo]),) if containment.undo else ()
    return page(
        visit,
        "not_me.html",
        action=visit.path,
        sentence=await _sentence(visit) if "id" in visit.params else None,
        undone=undone,
        kept=containment.kept,
        may_recover=containment.may_recover,
    )


async def _sentence(visit: Visit) -> str:
    """What the activity row says."""
    entry = await visit.read(load_activity, visit.owner.id, seq=_seq(visit))
    return activity_sentence(entry.event, entry.data, language=visit.language) if entry else ""
