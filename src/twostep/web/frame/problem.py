"""Responses to requests that no page can serve: error pages, and RFC 9457 problems for the API."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from twostep.core.refusal import Reason, Refused
from twostep.web.frame.frame import page as render_page
from twostep.web.frame.frame import set_retry_after
from twostep.web.visit import Page, Visit


def error(
    visit: Visit,
    status: int,
    *,
    reference: str = "",
    retry_at: int | None = None,
    again_url: str = "",
    unsure: bool = False,
) -> Response:
    """An error page. `again_url`: where to try again; by default the sign-in page. `unsure`: it is
    unknown whether the change was committed."""
    response = render_page(
        visit,
        "error.html",
        status=status,
        reference=reference,
        retry_at=retry_at,
        again_url=again_url or visit.url("sign_in"),
        unsure=unsure,
    )
    if retry_at is not None:
        refused = Refused(Reason.BUSY, retry_at=retry_at)
        set_retry_after(response, refused, now=visit.now)
    return response


def not_found(visit: Visit) -> Response:
    """There is no such page, or what it shows belongs to another account."""
    return error(visit, 404)


def method_not_allowed(visit: Visit, page: Page) -> Response:
    """The page does not support this method."""
    response = error(visit, 405)
    allowed = [*(("GET", "HEAD") if page.get else ()), *(("POST",) if page.post else ())]
    response.headers["allow"] = ", ".join(allowed)
    return response


def unauthorised() -> Response:
    """The API's response without a full session."""
    return JSONResponse(
        {
            "type": "about:blank",
            "title": "Sign-in required",
            "status": 401,
            "detail": "This needs a full session: both steps of the sign-in.",
        },
        401,
        headers={"cache-control": "no-store"},
        media_type="application/problem+json",
    )
