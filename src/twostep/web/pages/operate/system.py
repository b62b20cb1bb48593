"""Health checks, static files and the change-password address."""

from __future__ import annotations

import mimetypes
from functools import cache
from importlib import resources

from starlette.responses import PlainTextResponse, RedirectResponse, Response

from twostep.core.brand import DEFAULT_ACCENT, brand_css
from twostep.core.outage import StoreUnavailable
from twostep.flows.operate import doctor_call
from twostep.flows.operate.health import is_ready
from twostep.web.door.client import is_trusted_peer
from twostep.web.frame import problem
from twostep.web.visit import Visit


YEAR = "public, max-age=31536000, immutable"
HOUR = "public, max-age=3600"
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".css": "text/css"}


async def healthz(_visit: Visit) -> Response:
    """GET /healthz: the process answers."""
    return PlainTextResponse("ok\n", headers={"cache-control": "no-store"})


async def readyz(visit: Visit) -> Response:
    """GET /readyz: the database can be read and written, and has this version's schema."""
    probe = visit.env.counters.write_probe
    try:
        ready = await visit.read(is_ready) and await probe.can_write(visit.env.store)
    except StoreUnavailable:
        ready = False
    return PlainTextResponse(
        "ready\n" if ready else "not ready\n",
        200 if ready else 503,
        headers={"cache-control": "no-store"},
    )


async def doctor(visit: Visit) -> Response:
    """GET /doctor: how this request arrived, for `twostep doctor`; for everybody else no page."""
    env, question = visit.env, visit.headers.get(doctor_call.HEADER, "")
    if not doctor_call.is_question(env.keyring, question, now=visit.now):
        return problem.not_found(visit)
    arrival = doctor_call.Arrival(
        host=visit.headers.get("host", ""),
        peer=visit.peer,
        is_trusted=is_trusted_peer(visit.peer, env.settings.trusted_proxies),
        forwarded_for=visit.headers.get("x-forwarded-for", ""),
    )
    answer = doctor_call.write_answer(env.keyring, env.settings, question, arrival)
    return Response(answer, media_type="application/json", headers={"cache-control": "no-store"})


async def change_password(visit: Visit) -> Response:
    """GET /.well-known/change-password."""
    return RedirectResponse(visit.url("account.password"), 302)


async def static(visit: Visit) -> Response:
    """GET /static/{name}: a file that ships with the product."""
    file = _file(visit.params["name"])
    if file is None:
        return problem.not_found(visit)
    content, media_type = file
    return Response(content, media_type=media_type, headers={"cache-control": YEAR})


async def brand(visit: Visit) -> Response:
    """GET /static/brand.css: the operator's accent colour."""
    css = brand_css(visit.env.settings.accent_colour or DEFAULT_ACCENT)
    return Response(css, media_type="text/css", headers={"cache-control": HOUR})


async def logo(visit: Visit) -> Response:
    """GET /static/logo: the operator's logo."""
    path = visit.env.settings.panel_logo
    if path is None:
        return problem.not_found(visit)
    try:
        content = path.read_bytes()
    except OSError:
        return problem.not_found(visit)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Response(content, media_type=kind, headers={"cache-control": HOUR})


@cache
def _file(name: str) -> tuple[bytes, str] | None:
    """Content and type of a static file; names are looked up in the folder, never joined to a path."""
    folder = resources.files("twostep.web").joinpath("static")
    for entry in folder.iterdir():
        if entry.name == name and entry.is_file():
            ending = name[name.rfind(".") :]
            return entry.read_bytes(), _TYPES.get(ending, "application/octet-stream")
    return None
