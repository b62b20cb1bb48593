"""A new password by a mailed link: it never signs in or skips the second step."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import password as password_core
from twostep.flows.account import password
from twostep.i18n import translator
from twostep.web import view
from twostep.web.door import cookies
from twostep.web.frame.frame import Prompt, page, refused_status, see_other
from twostep.web.pages.sign_in.sign_in import LONGEST_IDENTIFIER, LONGEST_PASSWORD
from twostep.web.visit import Visit


# Stands in for the link's token once it is used; real tokens are longer.
DONE_TOKEN = "done"


async def show(visit: Visit) -> Response:
    """GET /forgot-password."""
    if "sent" in visit.query:
        return page(visit, "forgot_sent.html")
    return page(visit, "forgot_password.html", username=visit.query.get("username", ""))


async def submit(visit: Visit) -> Response:
    """POST /forgot-password: the same answer for known and unknown names."""
    identifier = visit.field("username")[:LONGEST_IDENTIFIER].strip()
    if not identifier:
        refused = Refused(Reason.USER_NAME_EMPTY)
        return page(visit, "forgot_password.html", refused=refused, username="")
    await visit.do(password.forgot_password, identifier=identifier)
    return see_other(f"{visit.url('recovery.forgot')}?sent=1")


async def show_reset(visit: Visit) -> Response:
    """GET /reset-password/{token}: changes nothing, so mail scanners do no harm."""
    if visit.params["token"] == DONE_TOKEN:
        return _confirmation(visit)
    account = await visit.read(password.view_reset, link=visit.params["token"])
    if isinstance(account, Refused):
        return page(visit, "link_dead.html", status=404, password=True, days=0)
    return _form(visit, account.name, two_step=account.two_step, refused=None)


async def submit_reset(visit: Visit) -> Response:
    """POST /reset-password/{token}: a refused password does not use up the link."""
    link = visit.params["token"]
    if visit.field("keep"):
        return await _keep(visit, link)
    account = await visit.read(password.view_reset, link=link)
    answer = await visit.do(
        password.reset_password, link=link, new=visit.field("password")[:LONGEST_PASSWORD]
    )
    if isinstance(account, Refused) or (
        isinstance(answer, Refused) and answer.reason is Reason.LINK_DEAD
    ):
        return page(visit, "link_dead.html", status=422, password=True, days=0)
    if isinstance(answer, Refused):
        return _form(visit, account.name, two_step=account.two_step, refused=answer)
    response = see_other(visit.url("recovery.reset", token=DONE_TOKEN))
    cookies.set_browser(response, visit.env, answer.browser_token)
    return response


async def _keep(visit: Visit, link: str) -> Response:
    answer = await visit.do(password.keep_password, link=link)
    if isinstance(answer, Refused):
        return page(visit, "link_dead.html", status=422, password=True, days=0)
    response = see_other(visit.url("sign_in"))
    cookies.set_browser(response, visit.env, answer.browser_token)
    return response


def _confirmation(visit: Visit) -> Response:
    _ = translator(visit.language).gettext
    return page(
        visit,
        "message.html",
        title=_("Your new password works"),
        kind="ok",
        sentences=(_("Every browser was signed out. Your phone and app stay as they are."),),
        link=view.Link(visit.url("sign_in"), _("Sign in")),
    )


def _form(visit: Visit, name: str, *, two_step: bool, refused: Refused | None) -> Response:
    minimum = password_core.MIN_LENGTH_WITH_TWO_STEP if two_step else password_core.MIN_LENGTH
    return page(
        visit,
        "reset_password.html",
        status=refused_status(refused) if refused else 200,
        refused=refused,
        prompt=Prompt(field="password"),
        token=visit.params["token"],
        user_name=name,
        minimum=minimum,
    )
