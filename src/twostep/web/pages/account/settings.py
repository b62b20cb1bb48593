"""Settings: one row per topic, two-step sign-in first."""

from __future__ import annotations

from starlette.responses import Response

from twostep import i18n
from twostep.core.refusal import Reason
from twostep.flows.account.dashboard_view import view_settings
from twostep.flows.policy.decide import refuse_disabling
from twostep.web.frame.frame import page
from twostep.web.frame.rows import banner
from twostep.web.visit import Visit


async def show(visit: Visit) -> Response:
    """GET /settings."""
    settings = await visit.read(view_settings, visit.owner)
    refused = refuse_disabling(visit.env, visit.owner)
    return page(
        visit,
        "settings.html",
        banner=banner(visit, settings.methods),
        methods=settings.methods.ways,
        language_name=i18n.language(visit.language).endonym,
        emails=settings.emails,
        sessions=settings.sessions,
        phones=len(settings.methods.phones),
        required=refused is not None and refused.reason is Reason.NOT_ALLOWED,
    )
