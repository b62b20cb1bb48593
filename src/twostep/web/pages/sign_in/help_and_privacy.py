"""Help and Privacy, open to everybody."""

from __future__ import annotations

from starlette.responses import Response

from twostep.flows.methods.method_view import has_phones
from twostep.web.frame.frame import page
from twostep.web.visit import Visit


HISTORY_MONTHS = 12


async def show(visit: Visit) -> Response:
    """GET /help."""
    return page(visit, "help.html", phones_on=has_phones(visit.env))


async def show_privacy(visit: Visit) -> Response:
    """GET /privacy."""
    return page(
        visit, "privacy.html", phones_on=has_phones(visit.env), history_months=HISTORY_MONTHS
    )
