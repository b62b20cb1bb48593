"""The page after sign-in."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.account import Role
from twostep.flows.account.acts import AccountAct, fold
from twostep.flows.account.check_up import check_up
from twostep.flows.account.dashboard_view import ROWS, view_dashboard
from twostep.flows.methods.method_view import has_phones
from twostep.web.frame.frame import page, see_other
from twostep.web.frame.passkey_signal import signal_of
from twostep.web.frame.rows import act_rows, banner, session_rows
from twostep.web.visit import Visit
from twostep.web.words import banners


async def show(visit: Visit) -> Response:
    """GET /: the panel, where there is one, unless there is something to say first."""
    home = visit.env.settings.home_url
    if home and not visit.current.flash:
        return see_other(home)
    dashboard = await visit.read(view_dashboard, visit.owner, visit.current)
    methods = dashboard.methods
    clock = banners.clock_was_ahead(language=visit.language) if dashboard.clock_was_ahead else None
    return page(
        visit,
        "dashboard.html",
        banner=clock or banner(visit, methods),
        check_up=check_up(methods, two_step=visit.owner.two_step, phones_on=has_phones(visit.env)),
        home_url=home,
        delivery_url=visit.url("operate.delivery") if visit.owner.role is Role.OPERATOR else None,
        previous=act_rows(visit, [AccountAct(dashboard.previous, ())])[0]
        if dashboard.previous
        else None,
        session=session_rows(visit, [visit.current])[0],
        activity=act_rows(visit, fold(dashboard.activity)[:ROWS]),
        signal=signal_of(visit, dashboard.handle, methods.passkeys),
    )
