"""Backup phone, step two: the code sent to the number."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.messages.channel import Channel
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Reason, Refused
from twostep.flows.messages.message_view import view_delivery
from twostep.flows.methods import enroll_phone
from twostep.flows.methods.phone_view import NewPhone, view_new_phone
from twostep.names import country_name
from twostep.web import view
from twostep.web.frame import problem
from twostep.web.frame.frame import (
    Prompt,
    page,
    redirect_with_flash,
    refused_status,
    see_other,
)
from twostep.web.frame.throttled import throttled
from twostep.web.pages.methods.phone_new import CONFIRM
from twostep.web.pages.sign_in.delivery_line import delivery_line, status_answer
from twostep.web.visit import Visit


LONGEST_CODE = 200


async def show(visit: Visit) -> Response:
    """GET /settings/security/phone/confirm: never sends anything."""
    phone = await _find(visit)
    if phone is None:
        return see_other(visit.url("methods.phone_new"))
    return _form(visit, phone, None)


async def submit(visit: Visit) -> Response:
    """POST /settings/security/phone/confirm."""
    answer = await visit.do(
        enroll_phone.confirm_phone, visit.current, typed=visit.field("code")[:LONGEST_CODE]
    )
    if not isinstance(answer, Refused):
        return await redirect_with_flash(
            visit, "account.security", "phone_added", answer.phone.hint
        )
    return await _refuse(visit, answer)


async def resend(visit: Visit) -> Response:
    """POST /settings/security/phone/resend, optionally by the other channel."""
    answer = await visit.do(enroll_phone.resend, visit.current, channel=visit.field("channel")[:10])
    if not isinstance(answer, Refused):
        return see_other(visit.url(CONFIRM))
    if answer.reason is Reason.SEND_LIMIT and answer.retry_at is not None:
        return throttled(visit, answer, what="send", back_url=visit.url(CONFIRM))
    return await _refuse(visit, answer)


async def status(visit: Visit) -> Response:
    """GET /settings/security/phone/status."""
    delivery = await visit.read(view_delivery, visit.current, purpose=Purpose.ADD_PHONE)
    return status_answer(visit, delivery)


async def _find(visit: Visit) -> NewPhone | None:
    return await visit.read(view_new_phone, visit.current)


async def _refuse(visit: Visit, refused: Refused) -> Response:
    phone = await _find(visit)
    if phone is None or refused.reason is Reason.NOT_FOUND:
        return problem.not_found(visit)
    return _form(visit, phone, refused)


def _form(visit: Visit, phone: NewPhone, refused: Refused | None) -> Response:
    delivery = phone.delivery
    ask = view.CodeAsk(
        delivery.channel,
        method_id=delivery.phone.id,
        hint=delivery.phone.hint,
        valid_until=None if delivery.is_over else delivery.expires_at,
        delivery=delivery_line(visit, delivery),
        can_send_at=delivery.can_send_at,
    )
    return page(
        visit,
        "phone_confirm.html",
        status=refused_status(refused) if refused else 200,
        refused=refused,
        prompt=Prompt("sent", "code"),
        ask=ask,
        number=phone.number,
        region_name=country_name(phone.region, visit.language),
        calls_work=Channel.CALL in phone.channels,
        texts_work=Channel.SMS in phone.channels,
        is_landline=phone.is_landline,
    )
