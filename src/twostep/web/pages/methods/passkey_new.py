"""Add a passkey or security key."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from twostep.core.methods.authenticator import LONGEST_NAME
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Level
from twostep.flows.methods import enroll_passkey
from twostep.flows.methods.enroll_passkey import PasskeyAdded
from twostep.flows.proof import verify_passkey
from twostep.web.door import cookies
from twostep.web.door.enrolment import enrolment_url
from twostep.web.frame.frame import page, see_other
from twostep.web.frame.rows import passkey_label
from twostep.web.frame.throttled import throttled
from twostep.web.pages.methods.refused import refused_page
from twostep.web.pages.sign_in.passkey import as_json
from twostep.web.visit import Visit
from twostep.web.words.flash import set_flash


NEXT_PAGE = "account.security"
LONGEST = 10 * LONGEST_NAME


async def show(visit: Visit) -> Response:
    """GET /settings/security/passkey/new."""
    refused = await visit.read(enroll_passkey.refuse_adding, visit.owner, visit.current)
    return refused_page(visit, refused) if refused else _form(visit, None)


async def options(visit: Visit) -> Response:
    """POST /settings/security/passkey/options."""
    await asyncio.to_thread(verify_passkey.warm_up)
    answer = await visit.do(enroll_passkey.begin_passkey, visit.owner, visit.current)
    return refused_page(visit, answer) if isinstance(answer, Refused) else as_json(answer)


async def submit(visit: Visit) -> Response:
    """POST /settings/security/passkey/new."""
    answer = await visit.do(
        enroll_passkey.finish_passkey,
        visit.current,
        typed=visit.field("credential"),
        name=visit.field("name")[:LONGEST],
    )
    if isinstance(answer, PasskeyAdded):
        return await _finish(visit, answer)
    match answer.reason:
        case Reason.STEP_ENDED:  # signed out, or another tab was first
            return see_other(visit.url(NEXT_PAGE))
        case Reason.PASSKEY_LIMIT | Reason.SETUP_UNCONFIRMED:
            return refused_page(visit, answer)
        case Reason.THROTTLED:
            return throttled(visit, answer, what="page", back_url=visit.url("methods.passkey_new"))
    return _form(visit, answer)


async def _finish(visit: Visit, added: PasskeyAdded) -> Response:
    """Next comes the spare way in if two-step sign-in was just turned on, or else a name of its owner's."""
    signed_in, passkey = added.signed_in, added.passkey
    label = passkey_label(visit, passkey)
    await set_flash(visit.with_session(signed_in.session, signed_in.token), "passkey_added", label)
    target = visit.url(NEXT_PAGE)
    if added.turned_on:
        target = visit.url("account.spare")
    elif not visit.field("name").strip():
        target = visit.url("methods.rename", id=passkey.id)
    response = see_other(target)
    cookies.set_signed_in(response, visit.env, signed_in)
    return response


def _form(visit: Visit, refused: Refused | None) -> Response:
    may_only_enrol = visit.current.level is Level.ENROL
    return page(
        visit,
        "passkey_new.html",
        refused=refused,
        first=not visit.owner.two_step,
        cancel_url=enrolment_url(visit) if may_only_enrol else visit.url(NEXT_PAGE),
    )
