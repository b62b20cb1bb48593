"""One way to sign in: remove it, rename it, or make it the default."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.methods.authenticator import MethodKind
from twostep.core.policy.rules import may_remove
from twostep.core.refusal import Reason, Refused
from twostep.flows.methods import remove
from twostep.flows.methods.method_view import MethodView, view_method
from twostep.web import view
from twostep.web.frame import problem
from twostep.web.frame.frame import page, redirect_with_flash, see_other
from twostep.web.frame.rows import app_row, method_names, passkey_row, phone_row
from twostep.web.visit import Visit


NEXT_PAGE = "account.security"
LONGEST = 500
ADDED = "passkey_added"  # the message that is still to be shown


async def show_remove(visit: Visit) -> Response:
    """GET /settings/security/method/{id}/remove."""
    return await _remove_form(visit, None)


async def submit_remove(visit: Visit) -> Response:
    """POST /settings/security/method/{id}/remove."""
    answer = await visit.do(remove.remove_method, visit.current, method_id=visit.params["id"])
    if isinstance(answer, Refused):
        return await _remove_form(visit, answer)
    detail = answer.hint if answer.kind is MethodKind.PHONE else ""
    return await redirect_with_flash(visit, NEXT_PAGE, f"{answer.kind}_removed", detail)


async def show_rename(visit: Visit) -> Response:
    """GET /settings/security/method/{id}/rename."""
    method = await _find(visit)
    named = (method.app or method.passkey) if method else None
    return await _rename_form(visit, None, typed=named.name if named else "")


async def submit_rename(visit: Visit) -> Response:
    """POST /settings/security/method/{id}/rename; an empty name shows the date again."""
    typed = visit.field("name")[:LONGEST]
    method = await _find(visit)
    named = (method.app or method.passkey) if method else None
    old_name = named.name if named else ""
    answer = await visit.do(
        remove.rename_method, visit.current, method_id=visit.params["id"], name=typed
    )
    if isinstance(answer, Refused):
        return await _rename_form(visit, answer, typed=typed)
    if not typed.strip() or typed.strip() == old_name:
        return see_other(visit.url(NEXT_PAGE))
    return await redirect_with_flash(visit, NEXT_PAGE, "renamed")


async def show_default(visit: Visit) -> Response:
    """GET /settings/security/method/{id}/default."""
    return await _default_form(visit, None)


async def submit_default(visit: Visit) -> Response:
    """POST /settings/security/method/{id}/default."""
    answer = await visit.do(remove.set_default, visit.current, method_id=visit.params["id"])
    if isinstance(answer, Refused):
        return await _default_form(visit, answer)
    return await redirect_with_flash(visit, NEXT_PAGE, "default_changed")


async def _find(visit: Visit) -> MethodView | None:
    method = await visit.read(view_method, visit.owner, method_id=visit.params["id"])
    return None if isinstance(method, Refused) else method


def _row(visit: Visit, method: MethodView) -> view.MethodRow | None:
    if method.app is not None:
        return app_row(visit, method.app)
    if method.passkey is not None:
        return passkey_row(visit, method.passkey)
    return phone_row(method.phone) if method.phone is not None else None


async def _remove_form(visit: Visit, refused: Refused | None) -> Response:
    method = await _find(visit)
    row = _row(visit, method) if method else None
    if method is None or row is None:
        return problem.not_found(visit)
    last = not may_remove(method.methods, kind=row.kind)
    return page(
        visit,
        "remove_method.html",
        refused=refused,
        method=row,
        stays=method_names(visit, method.methods, besides=row.id),
        last=last and visit.owner.two_step,
    )


async def _rename_form(visit: Visit, refused: Refused | None, *, typed: str) -> Response:
    method = await _find(visit)
    row = _row(visit, method) if method else None
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
        new=visit.current.flash.startswith(ADDED),
    )


async def _default_form(visit: Visit, refused: Refused | None) -> Response:
    method = await _find(visit)
    row = _row(visit, method) if method else None
    if row is None:
        return problem.not_found(visit)
    return page(visit, "default.html", refused=refused, method=row)
