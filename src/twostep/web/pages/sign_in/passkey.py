"""Sign in with a passkey, as the second step or alone."""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse, Response

from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Level
from twostep.flows.proof import verify_passkey
from twostep.flows.sign_in import passkey_step
from twostep.web.door import cookies
from twostep.web.door.origin import safe_next
from twostep.web.frame.frame import see_other
from twostep.web.frame.throttled import throttled
from twostep.web.pages.sign_in import code, sign_in
from twostep.web.pages.sign_in.ask import new_ask
from twostep.web.pages.sign_in.landing import landing
from twostep.web.visit import Visit


async def show(visit: Visit) -> Response:
    """GET /sign-in/passkey: does not start the browser's passkey dialog by itself."""
    ask = new_ask(visit, await code.second_step_view(visit), way="passkey")
    if ask.box.kind != "passkey":  # the account has none
        return see_other(visit.url(code.PAGE))
    return code.code_page(visit, ask, None)


async def submit(visit: Visit) -> Response:
    """POST /sign-in/passkey."""
    answer = await visit.do(
        passkey_step.submit_second_step,
        visit.current,
        typed=visit.field("credential"),
        wants_remembering=visit.field("remember") == "1",
    )
    if not isinstance(answer, Refused):
        response = see_other(landing(visit, answer, answer.session.next_path))
        cookies.set_signed_in(response, visit.env, answer)
        return response
    if answer.reason is Reason.STEP_ENDED:
        response = see_other(visit.url("sign_in"))
        cookies.expire_session(response, visit.env)
        return response
    if answer.reason is Reason.THROTTLED:
        return throttled(visit, answer, what="page", back_url=visit.url(code.PAGE))
    ask = new_ask(visit, await code.second_step_view(visit), way="passkey")
    return code.code_page(visit, ask, answer)


async def submit_alone(visit: Visit) -> Response:
    """POST /sign-in/passkey-only."""
    next_path = safe_next(visit, visit.field("next"))
    answer = await visit.do(
        passkey_step.sign_in_alone, typed=visit.field("credential"), next_path=next_path
    )
    if not isinstance(answer, Refused):
        response = see_other(landing(visit, answer, next_path))
        cookies.set_signed_in(response, visit.env, answer)
        return response
    if answer.reason is Reason.THROTTLED:
        return throttled(visit, answer, what="page", back_url=visit.url("sign_in"))
    return sign_in.form(visit, answer, next_path=visit.field("next"))


async def options(visit: Visit) -> Response:
    """POST /sign-in/passkey/options: for the second step, or before any step (`alone`, no session)."""
    await asyncio.to_thread(verify_passkey.warm_up)
    half = visit.session
    if half is None or half.level is not Level.HALF or visit.field("alone"):
        return as_json(passkey_step.options_alone(visit.env, now=visit.now))
    return await options_of_session(visit)


async def options_of_session(visit: Visit) -> Response:
    """POST /confirm/passkey/options, and the second step's."""
    await asyncio.to_thread(verify_passkey.warm_up)
    return as_json(await visit.read(passkey_step.view_options, visit.current))


def as_json(options: dict[str, object]) -> Response:
    """Options for the browser; never cached."""
    return JSONResponse(options, headers={"cache-control": "no-store"})
