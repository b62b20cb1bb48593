"""GET /metrics for Prometheus, protected by a bearer token; without `metrics.token` in the settings it
answers 404. On a separate port (`metrics.port`) it needs no token: only this machine can reach it."""

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
    """The metrics, for requests with `metrics.token`."""
    expected = visit.env.settings.metrics.token
    if expected is None:
        return problem.not_found(visit)
    scheme, _, presented = visit.headers.get("authorization", "").partition(" ")
    is_valid = hmac.compare_digest(presented.strip().encode(), expected.get_secret_value().encode())
    if scheme.lower() != "bearer" or not is_valid:
        return _plain("metrics.token is needed as a Bearer value\n", 401, www_authenticate="Bearer")
    return await _answer(visit.env, now=visit.now)


def own_port(env: Env) -> ASGIApp:
    """The application on the loopback port: this page only, and only under loopback host names, so
    that a website cannot read it by DNS rebinding."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        if not is_loopback(host):
            response = _plain("Ask for this page on localhost\n", 421)
        elif scope["path"] != "/metrics":
            response = _plain("Only /metrics is here\n", 404)
        elif scope["method"] not in {"GET", "HEAD"}:
            response = _plain("GET only\n", 405, allow="GET, HEAD")
        else:
            response = await _answer(env, now=env.clock())
        await response(scope, receive, send)

    return serve


async def _answer(env: Env, *, now: int) -> Response:
    from twostep.web.metrics.exposition import MEDIA_TYPE, write_metrics  # noqa: PLC0415  0.04 s

    text = await write_metrics(env, now=now)
    return Response(text, media_type=MEDIA_TYPE, headers={"cache-control": "no-store"})


def _plain(text: str, status: int, **headers: str) -> Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return PlainTextResponse(text, status, headers={"cache-control": "no-store", **sent})
