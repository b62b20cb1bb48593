""" "This wasn't me": GET asks and changes nothing, POST acts once.

Behind the link of a mail without signing in; behind a row of the own history after confirming who is there.
"""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Reason, Refused
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
from twostep.web.frame.throttled import throttled
from twostep.web.pages.sign_in.sign_in import LONGEST_PASSWORD
from twostep.web.visit import Visit
from twostep.web.words.events import activity_sentence


# Where a link's own page leads afterwards; no link is as short.
DONE = "done"
LONGEST_SEQ = 15
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
    found = await _view(visit, _by_link(visit))
    if isinstance(found, Refused):
        return _dead(visit, status=404)
    return await _ask(visit, found, None)


async def submit(visit: Visit) -> Response:
    """POST /not-me/{token}."""
    answer = await _act(visit, _by_link(visit))
    return _dead(visit, status=422) if answer is None else answer


async def show_event(visit: Visit) -> Response:
    """GET /settings/activity/{id}/not-me."""
    found = await _view(visit, _by_event(visit))
    return (
        problem.not_found(visit) if isinstance(found, Refused) else await _ask(visit, found, None)
    )


async def submit_event(visit: Visit) -> Response:
    """POST /settings/activity/{id}/not-me: this session ends with all the others."""
    answer = await _act(visit, _by_event(visit))
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
    """The event's number; 0, which none has, where the address holds no number."""
    typed = visit.params["id"]
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= LONGEST_SEQ else 0


async def _view(visit: Visit, find: Find) -> Containment | Refused:
    return await visit.read(view_containment, find)


async def _act(visit: Visit, find: Find) -> Response | None:
    """Secure the account, or ask again; None: there is nothing behind this address any more."""
    found = await _view(visit, find)
    if isinstance(found, Refused):
        return None
    typed = visit.field("password")[:LONGEST_PASSWORD]
    answer = await visit.do(contain, find, typed=typed)
    if isinstance(answer, Refused):
        if answer.reason is Reason.THROTTLED:
            return throttled(visit, answer, scope="link", back_url=visit.path)
        return None if answer.reason is Reason.LINK_DEAD else await _ask(visit, found, answer)
    kept = "?kept=1" if found.undo and not answer.undone else ""
    return see_other(visit.url("recovery.not_me", token=DONE) + kept)


def _dead(visit: Visit, *, status: int) -> Response:
    return page(visit, "link_dead.html", status=status, password=False, days=14)


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
        link=view.Link(visit.url("help"), _("Help")),
    )


async def _ask(visit: Visit, found: Containment, refused: Refused | None) -> Response:
    words = translator(visit.language)
    undone = (words.gettext(_UNDO[found.undo]),) if found.undo else ()
    return page(
        visit,
        "not_me.html",
        refused=refused,
        field="password",
        action=visit.path,
        sentence=await _sentence(visit) if "id" in visit.params else None,
        undone=undone,
        needs_password=found.needs_password,
    )


async def _sentence(visit: Visit) -> str:
    """What the row of the history says."""
    told = await visit.read(load_activity, visit.owner.id, seq=_seq(visit))
    return activity_sentence(told.event, told.data, language=visit.language) if told else ""
