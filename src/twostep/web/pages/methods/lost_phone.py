"""The phone is lost: asked after a backup code, and after a new app what was on the old phone."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from twostep.core.methods.authenticator import App, Methods, Phone
from twostep.core.refusal import Refused
from twostep.flows.account.dashboard_view import view_settings
from twostep.flows.methods.remove import remove_lost
from twostep.web.door.origin import safe_next
from twostep.web.frame.frame import page, redirect_with_flash, see_other
from twostep.web.frame.rows import app_row, phone_row
from twostep.web.visit import Visit


PAGE = "methods.lost_phone"


def asked_at(visit: Visit, *, next_path: str) -> str:
    """Where a sign-in with a backup code leads first."""
    return f"{visit.url(PAGE)}?{urlencode({'next': next_path})}"


async def show(visit: Visit) -> Response:
    """GET /settings/security/lost-phone. `next`: where the person was going."""
    methods = (await visit.read(view_settings, visit.owner)).methods
    return page(
        visit,
        "lost_phone.html",
        left=methods.codes_left,
        next=safe_next(visit, visit.query.get("next", "")),
    )


async def show_old(visit: Visit) -> Response:
    """GET /settings/security/lost-phone/old. `new`: the app that was just set up, which stays."""
    methods = (await visit.read(view_settings, visit.owner)).methods
    apps, phones = _old(methods, new=visit.query.get("new", ""))
    if not apps and not phones:
        return see_other(visit.url("account.security"))
    return page(
        visit,
        "lost_phone_old.html",
        new=visit.query.get("new", ""),
        methods=(*(app_row(visit, app) for app in apps), *(phone_row(phone) for phone in phones)),
    )


async def submit_old(visit: Visit) -> Response:
    """POST /settings/security/lost-phone/old: remove what was ticked, in one go."""
    methods = (await visit.read(view_settings, visit.owner)).methods
    apps, phones = _old(methods, new=visit.field("new"))
    ids = [*(app.id for app in apps), *(phone.id for phone in phones)]
    ticked = [method_id for method_id in ids if visit.field(f"old-{method_id}")]
    answer = await visit.do(remove_lost, visit.current, method_ids=ticked)
    if isinstance(answer, Refused) or not ticked:
        return see_other(visit.url("account.security"))
    return await redirect_with_flash(visit, "account.security", "old_phone_removed")


def _old(methods: Methods, *, new: str) -> tuple[list[App], list[Phone]]:
    """Apps and phones besides the new app; nothing if that is not one of the account's."""
    if new not in {app.id for app in methods.apps}:
        return [], []
    return [app for app in methods.apps if app.id != new], list(methods.phones)
