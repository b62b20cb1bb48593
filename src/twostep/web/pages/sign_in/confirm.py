"""Step-up: confirm who you are, then carry out the form that was posted too late, or open the page.

`r` is the id of a kept form, or the path of the page that required the step-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from starlette.responses import Response

from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import MALFORMED, Reason, Refused
from twostep.core.sign_in import session as session_core
from twostep.flows.messages.message_view import view_delivery
from twostep.flows.messages.send_code import send_code
from twostep.flows.sign_in import kept_forms, passkey_step, step_up
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.sign_in.second_step_view import SecondStepView, view_second_step
from twostep.i18n import N_, translator
from twostep.web import view
from twostep.web.door import cookies
from twostep.web.frame import problem
from twostep.web.frame.frame import Prompt, page, refused_status, see_other
from twostep.web.frame.throttled import OtherWays, throttled
from twostep.web.pages.sign_in.ask import Ask, clock_at, new_ask
from twostep.web.pages.sign_in.delivery_line import status_answer
from twostep.web.visit import Page, StepUp, Visit
from twostep.web.words.paused import What


PAGE = "confirm"
SEND = "confirm.send"
LONGEST = 10_000
_ABOUT: Mapping[str, str] = {
    "methods.app_new": N_("set up an authenticator app"),
    "methods.phone_new": N_("add a backup phone"),
    "methods.phone_confirm": N_("add a backup phone"),
    "methods.phone_resend": N_("add a backup phone"),
    "methods.codes": N_("see or replace your backup codes"),
    "methods.remove": N_("remove a way to sign in"),
    "methods.passkey_new": N_("add a passkey"),
    "methods.disable": N_("turn two-step sign-in off"),
    "account.emails": N_("change your e-mail addresses"),
    "account.email_remove": N_("change your e-mail addresses"),
    "account.password": N_("change your password"),
}
_CHANGE = N_("change how you sign in")


async def show(visit: Visit) -> Response:
    """GET /confirm."""
    return await _page(visit, None, r=visit.query.get("r", ""), way=visit.query.get("way", ""))


async def submit(visit: Visit) -> Response:
    """POST /confirm."""
    return await _finish(visit, await _verify(visit), way=visit.field("way"))


async def submit_passkey(visit: Visit) -> Response:
    """POST /confirm/passkey."""
    answer = await visit.do(
        passkey_step.submit_step_up, visit.current, typed=visit.field("credential")
    )
    return await _finish(visit, answer, way="passkey")


async def _finish(visit: Visit, answer: SignedIn | Refused, *, way: str) -> Response:
    r = visit.field("r")
    if isinstance(answer, Refused):
        is_retired = answer.reason is Reason.PASSWORD_RETIRED and visit.owner.two_step
        if is_retired or answer.reason is Reason.STEP_ENDED:
            return see_other(visit.url("sign_in"))
        if answer.reason is Reason.CHANGED:
            return see_other(_confirm_url(visit, r))
        return await _page(visit, answer, r=r, way=way)
    response = await _carry_out(visit.with_session(answer.session, answer.token), r)
    if not any(
        cookie.startswith(f"{cookies.session_name(visit.env)}=")
        for cookie in response.headers.getlist("set-cookie")
    ):
        cookies.set_signed_in(response, visit.env, answer)
    return response


async def _verify(visit: Visit) -> SignedIn | Refused:
    submit = step_up.submit_code if visit.owner.two_step else step_up.submit_password
    typed = visit.field("code" if visit.owner.two_step else "password")
    return await visit.do(submit, visit.current, typed=typed[:LONGEST])


async def _carry_out(visit: Visit, r: str) -> Response:
    """Open the page that required the step-up, or submit the kept form to its page."""
    if r.startswith("/"):
        return see_other(r if _find(visit, r) else visit.url("account.security"))
    kept = await visit.do(kept_forms.take_kept, visit.current, kept_id=r)
    match = _find(visit, kept.path) if kept else None
    if kept is None or match is None or match[0].post is None:
        return see_other(visit.url("account.security"))
    replayed = replace(
        visit,
        path=kept.path,
        query_string="",
        query={},
        params=match[1],
        form=kept.form,
    )
    return await match[0].post(replayed)


def _find(visit: Visit, path: str) -> tuple[Page, Mapping[str, str]] | None:
    """The page of a path, if its changes need a step-up; this page leads to no other."""
    match = visit.find(path)
    return match if match and match[0].step_up is not StepUp.NO else None


async def send(visit: Visit) -> Response:
    """POST /confirm/send."""
    r = visit.field("r")
    answer = await visit.do(
        send_code,
        visit.current,
        purpose=Purpose.STEP_UP,
        phone_id=visit.field("method"),
        channel=visit.field("channel"),
    )
    if not isinstance(answer, Refused):
        return see_other(_confirm_url(visit, r))
    if answer.reason is Reason.NOT_FOUND:
        return problem.not_found(visit)
    if answer.reason is Reason.STEP_ENDED:
        return see_other(visit.url("sign_in"))
    if refused_status(answer) == 429:
        return _wait(visit, answer, r=r, ways=(), what="send")
    return await _page(visit, answer, r=r, way="")


async def status(visit: Visit) -> Response:
    """GET /confirm/status."""
    delivery = await visit.read(view_delivery, visit.current, purpose=Purpose.STEP_UP)
    return status_answer(visit, delivery)


async def _page(visit: Visit, refused: Refused | None, *, r: str, way: str) -> Response:
    kept = None if r.startswith("/") else await _kept_path(visit, r)
    path = kept or r
    match = _find(visit, path)
    if match is None:
        return see_other(visit.url("account.security"))
    if (
        not session_core.needs_step_up(visit.current, two_step=visit.owner.two_step, now=visit.now)
        and not kept
    ):
        return see_other(r)  # already confirmed in another tab
    about = translator(visit.language).gettext(_ABOUT.get(match[0].name, _CHANGE))
    ask = await _ask(visit, way)
    if ask is not None:
        wait = refused if refused and refused.reason is Reason.THROTTLED else ask.wait
        if wait and (refused is None or refused is wait or refused.reason in MALFORMED):
            status = 429 if refused else 200
            return _wait(visit, wait, r=r, ways=ask.other_ways, what=ask.what, status=status)
    elif refused and refused.reason is Reason.THROTTLED:
        return _wait(visit, refused, r=r, ways=(), what="password")
    return page(
        visit,
        "confirm.html",
        refused=refused,
        prompt=_prompt(ask),
        passkey=_passkey_urls(visit),
        r=r,
        about=about,
        kept=kept is not None,
        cancel_url=visit.url(
            "account.security" if match[0].name.startswith("methods.") else "account.settings"
        ),
        ask=ask.box if ask else view.CodeAsk("password"),
        ways=ask.ways if ask else (),
        label=ask.label if ask else "",
        clock_at=clock_at(refused, ask, visit.now) if ask else None,
        user_name=visit.owner.name,
        notice=None,
    )


async def _ask(visit: Visit, way: str) -> Ask | None:
    """What to ask for; None: the password, because two-step sign-in is off."""
    return new_ask(visit, await _second_step_view(visit), way=way) if visit.owner.two_step else None


async def _kept_path(visit: Visit, kept_id: str) -> str | None:
    return await visit.read(kept_forms.peek_kept, visit.current, kept_id=kept_id)


def _wait(
    visit: Visit,
    refused: Refused,
    *,
    r: str,
    ways: tuple[view.WayRow, ...],
    what: What,
    status: int = 429,
) -> Response:
    return throttled(
        visit,
        refused,
        what=what,
        back_url=_confirm_url(visit, r),
        other_ways=OtherWays(
            ways,
            send_url=visit.url(SEND),
            page_url=visit.url(PAGE),
            hidden={"r": r},
            passkey=_passkey_urls(visit),
        ),
        status=status,
    )


def _confirm_url(visit: Visit, r: str) -> str:
    return f"{visit.url(PAGE)}?r={quote(r, safe='/')}"


def _passkey_urls(visit: Visit) -> view.PasskeyUrls:
    options, post = visit.url("confirm.passkey_options"), visit.url("confirm.passkey")
    return view.PasskeyUrls(options, post, visit.url(PAGE))


def _prompt(ask: Ask | None) -> Prompt:
    if ask is None:
        return Prompt(field="password")
    return Prompt(ask.prompt_kind, None if ask.box.kind == "passkey" else "code")


async def _second_step_view(visit: Visit) -> SecondStepView:
    return await visit.read(view_second_step, visit.owner, visit.current, purpose=Purpose.STEP_UP)
