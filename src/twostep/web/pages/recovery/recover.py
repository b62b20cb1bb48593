"""Recovery by mail after a waiting period: only if the policy allows it, and never for operators."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.account import Account
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Level
from twostep.flows.policy.decide import rules_of
from twostep.flows.recovery import lost_phone
from twostep.flows.recovery.lost_phone import RecoverView
from twostep.flows.sign_in.complete import SignedIn
from twostep.i18n import translator
from twostep.web import view
from twostep.web.door import cookies
from twostep.web.door.enrolment import enrolment_url_after
from twostep.web.frame import problem
from twostep.web.frame.frame import Prompt, page, refused_status, see_other
from twostep.web.frame.throttled import throttled
from twostep.web.pages.sign_in.sign_in import LONGEST_PASSWORD
from twostep.web.visit import Visit


PAGE = "recovery.recover"
# Stands in for the link's token once it is used; real tokens are longer.
DONE_TOKEN = "done"
LONGEST_LINK = 100


async def show(visit: Visit) -> Response:
    """GET /recover: offers to start; with `link`, from the last mail, asks for the password."""
    if _is_off(visit):
        return problem.not_found(visit)
    link = visit.query.get("link", "")[:LONGEST_LINK]
    if link:
        owner = await visit.read(lost_phone.view_finishing, link=link)
        if isinstance(owner, Refused):
            return _link_dead(visit, status=404)
        return _finish_form(visit, owner, link, None)
    return _require_half_session(visit) or await _state(visit)


async def submit(visit: Visit) -> Response:
    """POST /recover: starts the waiting period; with `link` and `password`, finishes the recovery."""
    if _is_off(visit):
        return problem.not_found(visit)
    link = visit.field("link")[:LONGEST_LINK]
    if link:
        return await _finish(visit, link)
    if redirect := _require_half_session(visit):
        return redirect
    answer = await visit.do(lost_phone.start_recovery, visit.current)
    if not isinstance(answer, Refused):
        return see_other(visit.url(PAGE))
    if answer.reason is Reason.NOT_FOUND:
        return problem.not_found(visit)
    if answer.reason is Reason.STEP_ENDED:
        return see_other(visit.url("sign_in"))
    if answer.reason is Reason.SEND_LIMIT:
        return throttled(visit, answer, what="page", back_url=visit.url(PAGE))
    return await _state(visit, status=422)


async def show_cancel(visit: Visit) -> Response:
    """GET /recover/cancel/{token}: changes nothing, so mail scanners do no harm."""
    if _is_off(visit):
        return problem.not_found(visit)
    link = visit.params["token"]
    if link == DONE_TOKEN:
        return _cancelled(visit)
    recovery = await visit.read(lost_phone.view_cancelling, link=link)
    if isinstance(recovery, Refused):
        return _link_dead(visit, status=404)
    return page(visit, "recover_cancel.html", token=link)


async def submit_cancel(visit: Visit) -> Response:
    """POST /recover/cancel/{token}: cancels the recovery without signing in."""
    if _is_off(visit):
        return problem.not_found(visit)
    answer = await visit.do(lost_phone.cancel_by_link, link=visit.params["token"])
    if isinstance(answer, Refused):
        return _link_dead(visit, status=422)
    return see_other(visit.url("recovery.cancel", token=DONE_TOKEN))


def _cancelled(visit: Visit) -> Response:
    _ = translator(visit.language).gettext
    return page(
        visit,
        "message.html",
        title=_("The recovery was stopped"),
        kind="ok",
        sentences=(
            _("Nothing was changed."),
            _("If you did not start it, someone knows your password: set a new one."),
        ),
        link=view.Link(visit.url("recovery.forgot"), _("Set a new password")),
    )


def _is_off(visit: Visit) -> bool:
    return rules_of(visit.env.settings).recovery_wait_hours == 0


def _require_half_session(visit: Visit) -> Response | None:
    """Only somebody who has just entered the right password may start a recovery."""
    session = visit.session
    if session is None:
        return see_other(visit.url("sign_in"))
    return None if session.level is Level.HALF else see_other(visit.url("account.dashboard"))


async def _state(visit: Visit, *, status: int = 200) -> Response:
    recovery = await visit.read(lost_phone.view_recovery, visit.current)
    if isinstance(recovery, RecoverView):
        return page(visit, "recover.html", status=status, recovery=recovery)
    return problem.not_found(visit)


async def _finish(visit: Visit, link: str) -> Response:
    owner = await visit.read(lost_phone.view_finishing, link=link)
    if isinstance(owner, Refused):
        return _link_dead(visit, status=422)
    answer = await visit.do(
        lost_phone.finish_recovery, link=link, typed=visit.field("password")[:LONGEST_PASSWORD]
    )
    if isinstance(answer, SignedIn):
        response = see_other(enrolment_url_after(visit, answer))
        cookies.set_signed_in(response, visit.env, answer)
        return response
    match answer.reason:
        case Reason.THROTTLED:
            back_url = f"{visit.url(PAGE)}?link={link}"
            return throttled(visit, answer, what="password", back_url=back_url)
        case Reason.LINK_DEAD:
            return _link_dead(visit, status=422)
        case Reason.SIGN_IN_WRONG:  # the page fixes the user name, so the password is wrong
            refused = Refused(Reason.PASSWORD_CURRENT_WRONG, retry_at=answer.retry_at)
            return _finish_form(visit, owner, link, refused)
        case _:
            return _finish_form(visit, owner, link, answer)


def _finish_form(visit: Visit, owner: Account, link: str, refused: Refused | None) -> Response:
    return page(
        visit,
        "recover_finish.html",
        status=refused_status(refused) if refused else 200,
        refused=refused,
        prompt=Prompt(field="password"),
        user_name=owner.name,
        link=link,
    )


def _link_dead(visit: Visit, *, status: int) -> Response:
    _ = translator(visit.language).gettext
    return page(
        visit,
        "message.html",
        status=status,
        title=_("This link no longer works"),
        kind="warn",
        sentences=(_("It was already used, it is too old, or the recovery was stopped."),),
        link=view.Link(visit.url("sign_in"), _("Sign in")),
    )
