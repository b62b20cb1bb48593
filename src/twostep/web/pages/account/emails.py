"""The account's e-mail addresses: add, confirm by a mailed link, remove."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.methods.authenticator import MOST_ADDRESSES
from twostep.core.refusal import Reason, Refused
from twostep.flows.account import profile
from twostep.web import view
from twostep.web.frame import problem
from twostep.web.frame.frame import page, redirect_with_flash, refused_status
from twostep.web.frame.throttled import throttled
from twostep.web.visit import Visit


PAGE = "account.emails"
LONGEST = 320


async def show(visit: Visit) -> Response:
    """GET /settings/emails."""
    return await _list(visit, None)


async def add(visit: Visit) -> Response:
    """POST /settings/emails: mails a link to the new address."""
    typed = visit.field("email")[:LONGEST]
    answer = await visit.do(profile.add_address, visit.current, typed=typed)
    if isinstance(answer, Refused):
        if refused_status(answer) == 429:
            return throttled(visit, answer, what="page", back_url=visit.url(PAGE))
        return await _list(visit, answer, typed=typed)
    return await redirect_with_flash(visit, PAGE, "email_sent", answer.address)


async def remove(visit: Visit) -> Response:
    """POST /settings/emails/{id}/remove."""
    answer = await visit.do(profile.remove_address, visit.current, address_id=visit.params["id"])
    if isinstance(answer, Refused):
        if answer.reason is Reason.NOT_FOUND:
            return problem.not_found(visit)
        return await _list(visit, answer)
    return await redirect_with_flash(visit, PAGE, "email_removed")


async def show_confirm(visit: Visit) -> Response:
    """GET /settings/emails/confirm/{token}: asks and changes nothing."""
    link = visit.params["token"]
    address = await visit.read(profile.view_confirmation, visit.current, link=link)
    if isinstance(address, Refused):
        return page(visit, "link_dead.html", status=404, password=False, days=1)
    return page(visit, "email_confirm.html", token=link, address=address)


async def confirm(visit: Visit) -> Response:
    """POST /settings/emails/confirm/{token}, in a session of the address's account."""
    answer = await visit.do(profile.confirm_address, visit.current, link=visit.params["token"])
    if isinstance(answer, Refused):
        if answer.reason is Reason.LINK_DEAD:
            return page(visit, "link_dead.html", status=422, password=False, days=1)
        return await _list(visit, answer)
    return await redirect_with_flash(visit, PAGE, "email_confirmed")


async def _list(visit: Visit, refused: Refused | None, *, typed: str = "") -> Response:
    addresses = await visit.read(profile.list_addresses, visit.owner.id)
    verified = sum(address.verified_at is not None for address in addresses)
    rows = tuple(
        view.EmailRow(
            address.id,
            address.address,
            verified=address.verified_at is not None,
            is_removable=address.verified_at is None or verified > 1,
        )
        for address in addresses
    )
    return page(
        visit,
        "emails.html",
        refused=refused,
        emails=rows,
        email=typed,
        full=len(rows) >= MOST_ADDRESSES,
    )
