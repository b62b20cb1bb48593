"""Well-known addresses for browsers and password managers, each enabled by a setting."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from twostep.web.frame import problem
from twostep.web.visit import Visit


async def webauthn(visit: Visit) -> Response:
    """GET /.well-known/webauthn: other origins that may use our passkeys (WebAuthn level 3, §5.11)."""
    settings = visit.env.settings
    if not settings.passkeys.related_origins:
        return problem.not_found(visit)
    origins = dict.fromkeys((settings.public_url, *settings.passkeys.related_origins))
    return JSONResponse({"origins": list(origins)})


async def passkey_endpoints(visit: Visit) -> Response:
    """GET /.well-known/passkey-endpoints: where passkeys are added and managed."""
    settings = visit.env.settings
    if not settings.passkeys.endpoints:
        return problem.not_found(visit)
    enroll, manage = visit.url("methods.passkey_new"), visit.url("account.security")
    origin = settings.public_url
    return JSONResponse({"enroll": origin + enroll, "manage": origin + manage})
