"""The set-up wizard: QR code, key, first code. A reload, a second tab or a wrong code keeps the key."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from twostep.core.methods import otpauth
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Level
from twostep.flows.methods import enroll_app
from twostep.flows.methods.enroll_app import AppAdded, Pending
from twostep.flows.sign_in.second_step import view_methods
from twostep.web.door import cookies
from twostep.web.frame.frame import Prompt, page, see_other
from twostep.web.frame.qr import qr_svg
from twostep.web.pages.methods.refused import refused_page
from twostep.web.pages.sign_in.ask import entry_label
from twostep.web.visit import Visit
from twostep.web.words.flash import set_flash


LONGEST = 200


async def show(visit: Visit) -> Response:
    """GET /settings/security/app/new."""
    pending = await _begin(visit)
    return _wizard(visit, pending, None)


async def submit(visit: Visit) -> Response:
    """POST /settings/security/app/new: `code` and `name`, or `replace` for a new key."""
    if visit.field("replace"):
        answer = await visit.do(enroll_app.begin_app, visit.current, replace_pending=True)
        if isinstance(answer, Refused):
            return _wizard(visit, answer, None)
        query = "?replaces=1" if _replaces(visit) else ""
        return see_other(visit.url("methods.app_new") + query)
    added = await visit.do(
        enroll_app.finish_app,
        visit.current,
        typed=visit.field("code")[:LONGEST],
        name=visit.field("name")[:LONGEST],
    )
    if isinstance(added, AppAdded):
        return await _finish(visit, added)
    if added.reason is Reason.STEP_ENDED:  # signed out, or another tab was first
        return see_other(visit.url("account.security"))
    if added.reason is Reason.SETUP_EXPIRED:
        return _wizard(visit, await _pending(visit), added)
    return _wizard(visit, await _begin(visit), added)


async def _finish(visit: Visit, added: AppAdded) -> Response:
    signed_in = added.signed_in
    methods = await visit.read(view_methods, visit.owner.id)
    others = [app.id for app in methods.apps if app.id != added.app_id]
    if _replaces(visit) and (others or methods.phones):
        query = urlencode({"new": added.app_id})
        response = see_other(f"{visit.url('methods.lost_phone_old')}?{query}")
        cookies.set_signed_in(response, visit.env, signed_in)
        return response
    key, detail = ("app_beside" if others else "app_added"), (others[0] if len(others) == 1 else "")
    await set_flash(visit.with_session(signed_in.session, signed_in.token), key, detail)
    target = "account.spare" if added.turned_on else "account.security"
    response = see_other(visit.url(target))
    cookies.set_signed_in(response, visit.env, signed_in)
    return response


async def _begin(visit: Visit) -> Pending | Refused:
    """The pending key; only the first request writes one."""
    pending = await _pending(visit)
    if pending is not None:
        return pending
    return await visit.do(enroll_app.begin_app, visit.current)


async def _pending(visit: Visit) -> Pending | None:
    return await visit.read(enroll_app.view_pending, visit.current)


def _wizard(visit: Visit, pending: Pending | Refused | None, refused: Refused | None) -> Response:
    if isinstance(pending, Refused):
        return refused_page(visit, pending)
    label = entry_label(visit, number=pending.number if pending else 1)
    return page(
        visit,
        "app_new.html",
        refused=refused,
        prompt=Prompt("setup", entry=label),
        name=visit.field("name")[:LONGEST],
        label=label,
        cancel_url=visit.url(
            "sign_in" if visit.current.level is Level.ENROL else "account.security"
        ),
        first=pending.first if pending else not visit.owner.two_step,
        replaces=_replaces(visit),
        **_key(visit, pending),
    )


def _replaces(visit: Visit) -> bool:
    """Whether the phone is lost: after a recovery, the help desk's code, or a backup code's offer."""
    if visit.current.level is Level.ENROL:
        return visit.owner.two_step
    return "replaces" in visit.query or bool(visit.field("replaces"))


def _key(visit: Visit, pending: Pending | None) -> dict[str, Any]:
    """The key as the page shows it; nothing once it has expired."""
    if pending is None or pending.is_expired:
        return {"expired": True, "qr_svg": "", "key": "", "uri": ""}
    uri = otpauth.provisioning_uri(
        pending.secret,
        label=otpauth.entry_label(
            visit.owner.name, account_id=visit.owner.id, number=pending.number
        ),
        issuer=visit.env.settings.panel_name,
        host=visit.env.public_host,
    )
    return {
        "expired": False,
        "qr_svg": qr_svg(uri),
        "key": otpauth.encode_key(pending.secret),
        "uri": uri,
    }
