"""The page after sign-in."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.account import Role
from twostep.flows.account.dashboard_view import view_dashboard
from twostep.web.frame.frame import page
from twostep.web.frame.passkey_signal import signal_of
from twostep.web.frame.rows import activity_rows, banner, session_rows
from twostep.web.visit import Visit
from twostep.web.words import banners


async def show(visit: Visit) -> Response:
    """GET /."""
    dashboard = await visit.read(view_dashboard, visit.owner, visit.current)
    methods = dashboard.methods
    clock = banners.clock_was_ahead(language=visit.language) if dashboard.clock_was_ahead else None
    return page(
        visit,
        "dashboard.html",
        banner=clock or banner(visit, methods),
        methods=methods.ways,
        email=dashboard.email,
        delivery_url=visit.url("operate.delivery") if visit.owner.role is Role.OPERATOR else None,
        member_since=visit.owner.created_at,
        previous_at=dashboard.previous_at,
        session=session_rows(visit, [visit.current])[0],
        activity=activity_rows(visit, dashboard.activity),
        signal=signal_of(visit, dashboard.handle, methods.passkeys),
        codes_left=methods.codes_left if methods.recovery_set else None,
    )
