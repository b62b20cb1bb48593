"""GET /metrics: figures for Prometheus, behind a bearer value; without one in the settings there is
no such page. On a port of its own (`metrics.port`) they need none: only this machine reaches it."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from twostep.config.kinds import is_loopback
from twostep.flows.env import Env
from twostep.web.frame import problem
from twostep.web.visit import Visit


async def show(visit: Visit) -> Response:
    """The figures, to who brings `metrics.token`."""
    expected = visit.env.settings.metrics.token
    if expected is None:
        return problem.not_found(visit)
    scheme, _, given = visit.headers.get("authorization", "").partition(" ")
    is_right = hmac.compare_digest(given.strip().encode(), expected.get_secret_value().encode())
    if scheme.lower() != "bearer" or not is_right:
        return _plain("metrics.token is needed as a Bearer value\n", 401, www_authenticate="Bearer")
    return await _answer(visit.env, now=visit.now)


def own_port(env: Env) -> ASGIApp:
    """The application of the loopback port: this one page, under this machine's own names, so that no
    page in a browser here can read it under a name of its own (DNS rebinding)."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        if not is_loopback(host):
            answer = _plain("Ask for this page on localhost\n", 421)
        elif scope["path"] != "/metrics":
            answer = _plain("Only /metrics is here\n", 404)
        elif scope["method"] not in {"GET", "HEAD"}:
            answer = _plain("GET only\n", 405, allow="GET, HEAD")
        else:
            answer = await _answer(env, now=env.clock())
        await answer(scope, receive, send)

    return serve


async def _answer(env: Env, *, now: int) -> Response:
    from twostep.web.metrics.exposition import MEDIA_TYPE, write_metrics  # noqa: PLC0415  0.04 s

    text = await write_metrics(env, now=now)
    return Response(text, media_type=MEDIA_TYPE, headers={"cache-control": "no-store"})


def _plain(text: str, status: int, **headers: str) -> Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return PlainTextResponse(text, status, headers={"cache-control": "no-store", **sent})
