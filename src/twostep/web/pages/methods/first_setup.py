"""The first set-up in a new browser: a mailed link confirms it, or the help desk's code."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Reason, Refused
from twostep.flows.methods import first_setup
from twostep.i18n import translator
from twostep.web.door.enrolment import enrolment_url
from twostep.web.frame.frame import Prompt, page, refused_status, see_other
from twostep.web.frame.throttled import throttled
from twostep.web.pages.sign_in.code import LONGEST_CODE
from twostep.web.visit import Visit


PAGE = "methods.first_setup"
LINK_PAGE = "methods.first_setup_link"
# Stands in for the link's token once it is used; real tokens are longer.
DONE_TOKEN = "done"


async def show(visit: Visit) -> Response:
    """GET /settings/security/first: asks for the mailed link, until the set-up is confirmed."""
    refused = await visit.read(first_setup.refuse_unconfirmed, visit.owner, visit.current)
    if refused is None:
        return see_other(enrolment_url(visit))
    return _ask(visit, None)


async def submit(visit: Visit) -> Response:
    """POST /settings/security/first: mails the link, or takes the help desk's `code`."""
    if "code" in visit.form:
        typed = visit.field("code")[:LONGEST_CODE]
        answer = await visit.do(first_setup.confirm_by_code, visit.current, typed=typed)
        target = enrolment_url(visit)
    else:
        answer = await visit.do(first_setup.send_setup_link, visit.current)
        target = f"{visit.url(PAGE)}?sent=1"
    if not isinstance(answer, Refused):
        return see_other(target)
    match answer.reason:
        case Reason.THROTTLED | Reason.SEND_LIMIT:
            return throttled(visit, answer, what="page", back_url=visit.url(PAGE))
        case Reason.CHANGED | Reason.PASSWORD_RETIRED:
            return see_other(visit.url(PAGE))
        case Reason.NOT_FOUND:
            return see_other(f"{visit.url(PAGE)}?sent=0")
    return _ask(visit, answer)


async def show_link(visit: Visit) -> Response:
    """GET /set-up/{token}: says who asks and changes nothing."""
    link = visit.params["token"]
    if link == DONE_TOKEN:
        return _confirmed(visit)
    setup = await visit.read(first_setup.view_setup_link, link=link)
    if isinstance(setup, Refused):
        return page(visit, "link_dead.html", status=404, password=False, days=0)
    return page(visit, "first_setup_link.html", token=link, setup=setup)


async def submit_link(visit: Visit) -> Response:
    """POST /set-up/{token}: confirms it, on whatever device the mail was read."""
    answer = await visit.do(first_setup.confirm_by_link, link=visit.params["token"])
    if isinstance(answer, Refused):
        return page(visit, "link_dead.html", status=422, password=False, days=0)
    return see_other(visit.url(LINK_PAGE, token=DONE_TOKEN))


def _confirmed(visit: Visit) -> Response:
    _ = translator(visit.language).gettext
    return page(
        visit,
        "message.html",
        title=_("Thank you, go on in your other window"),
        kind="ok",
        sentences=(_("Two-step sign-in can now be set up where you signed in."),),
        link=None,
    )


def _ask(visit: Visit, refused: Refused | None) -> Response:
    return page(
        visit,
        "first_setup.html",
        status=refused_status(refused) if refused else 200,
        refused=refused,
        prompt=Prompt(field="code"),
        sent=visit.query.get("sent", ""),
        here_url=enrolment_url(visit),
    )
