"""Callbacks from telephony providers, each authenticated by its signature."""

from __future__ import annotations

from starlette.responses import Response

from twostep.flows.messages import reports
from twostep.web.frame import problem
from twostep.web.visit import Page, Visit


async def receive_get(visit: Visit) -> Response:
    """GET /telephony/{provider}/status/{message}: a delivery report in the query."""
    if visit.params["what"] != "status" or not reports.asks_by_get(visit.params["provider"]):
        return problem.method_not_allowed(visit, Page("telephony", visit.path, post=receive))
    return await receive(visit)


async def receive(visit: Visit) -> Response:
    """POST /telephony/{provider}/…: a delivery report, or a call that asks what to say next."""
    answer = await visit.do(
        reports.receive,
        provider=visit.params["provider"],
        path=visit.full_path,
        headers=visit.headers,
        body=visit.body,
    )
    if answer.status == 404:
        return problem.not_found(visit)
    return Response(answer.body, answer.status, media_type=answer.media_type)
