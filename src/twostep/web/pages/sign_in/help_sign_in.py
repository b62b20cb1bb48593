"""Lost phone: which of these can you still use?"""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Level
from twostep.flows.help_desk.caller import send_request, show_reference, was_sent
from twostep.flows.messages.send_code import open_channels
from twostep.flows.policy.decide import accepts_phones, rules_of
from twostep.flows.recovery.lost_phone import may_recover
from twostep.flows.sign_in.second_step import view_methods
from twostep.web.frame.frame import page, see_other
from twostep.web.frame.throttled import throttled
from twostep.web.visit import Visit


async def show(visit: Visit) -> Response:
    """GET /sign-in/help: after the right password it also shows a reference for the help desk."""
    half = visit.session if visit.session and visit.session.level is Level.HALF else None
    reference = None
    if half is not None:
        reference = await visit.do(show_reference, half)
    methods = await visit.read(view_methods, visit.owner.id) if half else None
    sends = accepts_phones(visit.env) and bool(open_channels(visit.env))
    return page(
        visit,
        "help_sign_in.html",
        user_name=visit.owner.name if half else None,
        reference=reference.reference if reference else None,
        reference_until=reference.expires_at if reference else None,
        is_sent=reference is not None and was_sent(reference),
        may_send=bool(visit.env.settings.support_email),
        has_codes=methods is None or methods.codes_left > 0,
        has_passkey=methods is None or bool(methods.passkeys),
        has_phone=sends and (methods is None or bool(methods.phones)),
        has_app=methods is None or bool(methods.apps),
        recover_url=visit.url("recovery.recover")
        if half and may_recover(visit.env, visit.owner)
        else None,
        recover_until=visit.now + rules_of(visit.env.settings).recovery_wait_hours * 3600,
    )


async def submit(visit: Visit) -> Response:
    """POST /sign-in/help: send the request to the help desk, so that it need not be awake now."""
    half = visit.session if visit.session and visit.session.level is Level.HALF else None
    if half is None:
        return see_other(visit.url("sign_in"))
    answer = await visit.do(send_request, half)
    here = visit.url("sign_in.help")
    if isinstance(answer, Refused):
        if answer.reason is Reason.SEND_LIMIT:
            return throttled(visit, answer, what="page", back_url=here)
        return see_other(visit.url("sign_in") if answer.reason is Reason.STEP_ENDED else here)
    return see_other(here)
