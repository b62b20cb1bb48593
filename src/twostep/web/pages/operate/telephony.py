"""Requests of telephone providers: each proves by its signature who sends it."""

from __future__ import annotations

from starlette.responses import Response

from twostep.flows.messages import reports as telephony
from twostep.web.frame import problem
from twostep.web.visit import Page, Visit


async def receive_get(visit: Visit) -> Response:
    """GET /telephony/{provider}/status/{message}: a delivery report in the address."""
    if visit.params["what"] != "status" or not telephony.asks_by_get(visit.params["provider"]):
        return problem.method_not_allowed(visit, Page("telephony", visit.path, post=receive))
    return await receive(visit)


async def receive(visit: Visit) -> Response:
    """POST /telephony/{provider}/…: a delivery report, or a call that asks what to say."""
    answer = await visit.do(
        telephony.receive,
        provider=visit.params["provider"],
        path=visit.here,
        headers=visit.headers,
        body=visit.body,
    )
    if answer.status == 404:
        return problem.not_found(visit)
    return Response(answer.body, answer.status, media_type=answer.media_type)
