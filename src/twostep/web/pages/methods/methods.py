"""One way to sign in: remove it, rename it, let it come first."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.methods.authenticator import MethodKind
from twostep.core.policy.rules import may_remove
from twostep.core.refusal import Reason, Refused
from twostep.flows.methods import remove
from twostep.flows.methods.method_view import MethodView, view_method
from twostep.web import view
from twostep.web.frame import problem
from twostep.web.frame.frame import page, see_other
from twostep.web.frame.rows import app_row, method_names, passkey_row, phone_row
from twostep.web.visit import Visit
from twostep.web.words.flash import say


DONE = "account.security"
LONGEST = 500


async def show_remove(visit: Visit) -> Response:
    """GET /settings/security/method/{id}/remove."""
    return await _remove_form(visit, None)


async def submit_remove(visit: Visit) -> Response:
    """POST /settings/security/method/{id}/remove."""
    answer = await visit.do(remove.remove_method, visit.current, method_id=visit.params["id"])
    if isinstance(answer, Refused):
        return await _remove_form(visit, answer)
    if answer.kind is MethodKind.PHONE:
        await say(visit, "phone_removed", answer.hint)
    else:
        await say(visit, f"{answer.kind}_removed")
    return see_other(visit.url(DONE))


async def show_rename(visit: Visit) -> Response:
    """GET /settings/security/method/{id}/rename."""
    found = await _find(visit)
    named = (found.app or found.passkey) if found else None
    return await _rename_form(visit, None, typed=named.name if named else "")


async def submit_rename(visit: Visit) -> Response:
    """POST /settings/security/method/{id}/rename; an empty name brings the date back."""
    typed = visit.field("name")[:LONGEST]
    answer = await visit.do(
        remove.rename_method, visit.current, method_id=visit.params["id"], name=typed
    )
    if isinstance(answer, Refused):
        return await _rename_form(visit, answer, typed=typed)
    await say(visit, "renamed")
    return see_other(visit.url(DONE))


async def show_default(visit: Visit) -> Response:
    """GET /settings/security/method/{id}/default."""
    return await _default_form(visit, None)


async def submit_default(visit: Visit) -> Response:
    """POST /settings/security/method/{id}/default."""
    answer = await visit.do(remove.set_default, visit.current, method_id=visit.params["id"])
    if isinstance(answer, Refused):
        return await _default_form(visit, answer)
    await say(visit, "default_changed")
    return see_other(visit.url(DONE))


async def _find(visit: Visit) -> MethodView | None:
    found = await visit.read(view_method, visit.owner, method_id=visit.params["id"])
    return None if isinstance(found, Refused) else found


def _row(visit: Visit, found: MethodView) -> view.MethodRow | None:
    if found.app is not None:
        return app_row(visit, found.app)
    if found.passkey is not None:
        return passkey_row(visit, found.passkey)
    return phone_row(found.phone) if found.phone is not None else None


async def _remove_form(visit: Visit, refused: Refused | None) -> Response:
    found = await _find(visit)
    row = _row(visit, found) if found else None
    if found is None or row is None:
        return problem.not_found(visit)
    last = not may_remove(found.methods, kind=row.kind)
    return page(
        visit,
        "remove_method.html",
        refused=refused,
        method=row,
        stays=method_names(visit, found.methods, besides=row.id),
        last=last and visit.owner.two_step,
    )


async def _rename_form(visit: Visit, refused: Refused | None, *, typed: str) -> Response:
    found = await _find(visit)
    row = _row(visit, found) if found else None
    if (
        row is None
        or row.kind is MethodKind.PHONE
        or (refused and refused.reason is Reason.NOT_FOUND)
    ):
        return problem.not_found(visit)
    return page(
        visit,
        "rename_method.html",
        refused=refused,
        method=row,
        name=typed,
    )


async def _default_form(visit: Visit, refused: Refused | None) -> Response:
    found = await _find(visit)
    row = _row(visit, found) if found else None
    if row is None:
        return problem.not_found(visit)
    return page(visit, "default.html", refused=refused, method=row)
