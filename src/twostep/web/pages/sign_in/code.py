"""The second step: one box for every kind of code, other ways below it; only a POST sends messages."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.methods.authenticator import MethodKind
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import MALFORMED, Reason, Refused
from twostep.flows.messages.message_view import view_delivery
from twostep.flows.messages.send_code import send_code
from twostep.flows.sign_in.second_step import SecondStepDone, submit_code
from twostep.flows.sign_in.second_step_view import SecondStepView, view_second_step
from twostep.flows.sign_in.sessions import save_flash
from twostep.web import view
from twostep.web.door import cookies
from twostep.web.door.enrolment import enrolment_url_after
from twostep.web.frame import problem
from twostep.web.frame.frame import Prompt, page, refused_status, see_other
from twostep.web.frame.throttled import OtherWays, throttled
from twostep.web.pages.methods.lost_phone import asked_at
from twostep.web.pages.sign_in.ask import Ask, clock_at, new_ask
from twostep.web.pages.sign_in.delivery_line import status_answer
from twostep.web.pages.sign_in.landing import landing
from twostep.web.visit import Visit


PAGE = "sign_in.code"
SEND = "sign_in.send"
LONGEST_CODE = 10_000


async def show(visit: Visit) -> Response:
    """GET /sign-in/code: never sends anything."""
    ask = new_ask(visit, await second_step_view(visit), way=visit.query.get("way", ""))
    if ask.wait is not None:
        return _wait(visit, ask, ask.wait, status=200)
    return code_page(visit, ask, None)


async def submit(visit: Visit) -> Response:
    """POST /sign-in/code."""
    answer = await visit.do(
        submit_code,
        visit.current,
        typed=visit.field("code")[:LONGEST_CODE],
        wants_remembering=visit.field("remember") == "1",
    )
    if isinstance(answer, SecondStepDone):
        return await _finish(visit, answer)
    if answer.reason in {Reason.STEP_ENDED, Reason.PASSWORD_RETIRED}:
        response = see_other(visit.url("sign_in"))
        cookies.expire_session(response, visit.env)
        return response
    ask = new_ask(visit, await second_step_view(visit), way=visit.field("way"))
    if answer.reason is Reason.THROTTLED:
        return _wait(visit, ask, answer)
    if answer.reason in MALFORMED and ask.wait is not None:
        return _wait(visit, ask, ask.wait)
    return code_page(visit, ask, answer)


async def _finish(visit: Visit, answer: SecondStepDone) -> Response:
    """Continue to the target; after a backup code, ask about the phone first."""
    session = answer.signed_in.session
    target, flash, codes = session.next_path, "", visit.url("methods.codes")
    if answer.passed is None:
        target, flash = enrolment_url_after(visit, answer.signed_in), "new_phone_needed"
    elif answer.passed.left is not None:
        if answer.passed.left == 0:
            target, flash = codes, "code_used:0"
        else:
            target = asked_at(visit, next_path=target)
    if flash and not session.flash:
        await visit.do(save_flash, session, flash=flash)
    if answer.passed is None or answer.passed.left is None:
        target = landing(visit, answer.signed_in, target)
    response = see_other(target)
    cookies.set_signed_in(response, visit.env, answer.signed_in)
    return response


async def send(visit: Visit) -> Response:
    """POST /sign-in/send."""
    answer = await visit.do(
        send_code,
        visit.current,
        purpose=Purpose.SIGN_IN,
        phone_id=visit.field("method"),
        channel=visit.field("channel"),
    )
    if not isinstance(answer, Refused):
        return see_other(visit.url(PAGE))
    if answer.reason is Reason.NOT_FOUND:
        return problem.not_found(visit)
    if answer.reason is Reason.STEP_ENDED:
        return see_other(visit.url("sign_in"))
    ask = new_ask(visit, await second_step_view(visit), way="")
    if refused_status(answer) == 429:
        return throttled(
            visit,
            answer,
            what="send",
            back_url=visit.url(PAGE),
            other_ways=_other_ways(
                visit,
                tuple(
                    row for row in ask.ways if row.kind in {MethodKind.CODES, MethodKind.PASSKEY}
                ),
            ),
        )
    return code_page(visit, ask, answer)


async def status(visit: Visit) -> Response:
    """GET /sign-in/status."""
    delivery = await visit.read(view_delivery, visit.current, purpose=Purpose.SIGN_IN)
    return status_answer(visit, delivery)


async def second_step_view(visit: Visit) -> SecondStepView:
    """Load what the page shows."""
    return await visit.read(view_second_step, visit.owner, visit.current, purpose=Purpose.SIGN_IN)


def code_page(visit: Visit, ask: Ask, refused: Refused | None) -> Response:
    """The page of the second step, for any kind of code or a passkey."""
    return page(
        visit,
        "code.html",
        refused=refused,
        prompt=Prompt(ask.prompt_kind, None if ask.box.kind == "passkey" else "code"),
        ask=ask.box,
        ways=ask.ways,
        user_name=visit.owner.name,
        label=ask.label,
        next="",
        ends_at=visit.current.expires_at,
        remember_days=visit.env.settings.policy.remember_browser_days,
        passkey=_passkey_urls(visit),
        clock_at=clock_at(refused, ask, visit.now),
        notice=None,
    )


def _passkey_urls(visit: Visit) -> view.PasskeyUrls:
    passkey_url = visit.url("sign_in.passkey")
    return view.PasskeyUrls(visit.url("sign_in.passkey_options"), passkey_url, passkey_url)


def _wait(visit: Visit, ask: Ask, refused: Refused, status: int = 429) -> Response:
    return throttled(
        visit,
        refused,
        what=ask.what,
        back_url=visit.url(PAGE),
        other_ways=_other_ways(visit, ask.other_ways),
        status=status,
    )


def _other_ways(visit: Visit, rows: tuple[view.WayRow, ...]) -> OtherWays:
    return OtherWays(
        rows,
        send_url=visit.url(SEND),
        page_url=visit.url(PAGE),
        passkey=_passkey_urls(visit),
    )
