"""The door: every decision about a request before its page sees it, in this order.

421 foreign Host · 403 foreign origin · 404 · 405 · session · step-up · then the page's own 429 and 422.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote

import structlog
from starlette.responses import Response
from starlette.types import Scope

from twostep import i18n
from twostep.core.audit.event import REQUEST_REFUSED, Outcome, new_event
from twostep.core.audit.occurrence import Occurrence
from twostep.core.outage import StoreUnavailable
from twostep.core.sign_in import session as session_core
from twostep.core.sign_in.session import Level
from twostep.core.user_agent import describe
from twostep.flows.audit.refused_request import record_refused
from twostep.flows.env import Env, Visitor
from twostep.flows.sign_in import kept_forms, sessions
from twostep.web.door import cookies, request_headers
from twostep.web.door.client import client_network, request_id
from twostep.web.door.enrolment import enrolment_url
from twostep.web.door.forms import read_form
from twostep.web.door.language import asked_language, choose_language
from twostep.web.frame import problem
from twostep.web.frame.frame import see_other
from twostep.web.route_table import RouteTable
from twostep.web.visit import Access, Endpoint, Page, StepUp, Visit


log = structlog.get_logger(__name__)

WRITE_SECONDS = 1.0
_writes: set[asyncio.Task[None]] = set()  # the loop itself holds its tasks only weakly

_OPENED_BY = {
    Access.HALF: frozenset({Level.HALF}),
    Access.FULL: frozenset({Level.FULL}),
    Access.ENROL: frozenset({Level.FULL, Level.ENROL}),
}


async def new_visit(env: Env, table: RouteTable, scope: Scope, *, look_up: bool = True) -> Visit:
    """Read a request: clock, network, cookies, session, language. `look_up` False: do not load the
    session, for the page that says the database is down."""
    headers = request_headers.read(scope["headers"])
    query_string = scope["query_string"].decode("latin-1")
    peer = scope["client"][0] if scope["client"] else ""
    now = env.clock()
    jar = cookies.read(headers.get("cookie", ""))
    cookie = jar.get(cookies.session_name(env), "") if look_up else ""
    loaded = await env.store.read(sessions.load, env, cookie=cookie, now=now) if cookie else None
    session, account = loaded or (None, None)
    asked = asked_language(env, jar, headers.get("accept-language"))
    language = choose_language(env, loaded, asked=asked)
    visitor = Visitor(
        network=client_network(
            peer, headers.get("x-forwarded-for", ""), env.settings.trusted_proxies
        ),
        browser=describe(headers.get("user-agent", "")),
        session_token=cookie,
        browser_token=jar.get(cookies.browser_name(env), ""),
        remember_token=jar.get(cookies.remember_name(env), ""),
        language=language,
        asked_language=asked,
        request_id=request_id(peer, headers.get("x-request-id", ""), env.settings.trusted_proxies),
    )
    return Visit(
        env=env,
        url=table.path_for,
        find=table.find,
        path=scope["path"],
        query_string=query_string,
        params=scope["path_params"],
        query=dict(parse_qsl(query_string, keep_blank_values=True)) if query_string else {},
        form={},
        headers=headers,
        cookies=jar,
        now=now,
        visitor=visitor,
        language=language,
        session=session,
        account=account,
        peer=peer,
        appearance=cookies.appearance(env, jar),
    )


async def serve_page(visit: Visit, page: Page, method: str, body: bytes) -> Response:
    """Apply the session and step-up rules, then run the page."""
    endpoint = page.post if method == "POST" else page.get
    if endpoint is None:
        return problem.method_not_allowed(visit, page)
    if refused := _refuse_session(visit, page, method):
        return refused
    if method == "POST":
        plain = not (page.signed or page.raw)
        form = read_form(body, visit.headers.get("content-type", "")) if plain else {}
        zone = i18n.zone_or_none(form.get("time_zone", "")) or ""
        visit = replace(visit, form=form, body=body, visitor=replace(visit.visitor, time_zone=zone))
    if redirect := await _require_step_up(visit, page, method):
        return redirect
    return await _run(visit, page, endpoint)


async def _run(visit: Visit, page: Page, endpoint: Endpoint) -> Response:
    """Run the page; record the session's activity, and clear a flash that was shown."""
    response = await endpoint(visit)
    if response.status_code == 404 and visit.params and page.access is not Access.OPEN:
        await record_refused_request(visit, page, "not_found")  # it may belong to another account
    if response.status_code == 429:  # whoever goes on during a pause leaves no event
        _log_refusal(visit, page, "wait", Outcome.THROTTLED)
    current = visit.session
    if current is None or current.level is Level.HALF:
        return response
    if page.extends and session_core.needs_seen(current, now=visit.now):
        await _try(visit.do(sessions.save_seen, current), what="seen")
    if current.flash and response.status_code == 200 and response.media_type == "text/html":
        await _try(visit.do(sessions.save_flash, current, flash=""), what="flash")
    return response


async def _try(write: Coroutine[Any, Any, None], *, what: str) -> None:
    """Write what the page, which is made, can do without: a full disk or somebody else's lock must not
    cost it. What takes longer goes on by itself."""
    task = asyncio.create_task(_write(write, what=what))
    _writes.add(task)
    task.add_done_callback(_writes.discard)
    await asyncio.wait({task}, timeout=WRITE_SECONDS)


async def _write(write: Coroutine[Any, Any, None], *, what: str) -> None:
    try:
        await write
    except StoreUnavailable as outage:
        log.warning("session.not_saved", what=what, error=str(outage))


async def record_refused_request(visit: Visit, page: Page, reason: str) -> None:
    """Record a refused request: in the audit trail if it has a session, otherwise only in the log, so
    that strangers cannot fill the trail (ASVS 16.3.3)."""
    if visit.session is not None:
        await visit.do(record_refused, visit.session, reason=reason, path=page.path)
    else:
        _log_refusal(visit, page, reason)


def _log_refusal(visit: Visit, page: Page, reason: str, outcome: Outcome = Outcome.REFUSED) -> None:
    if visit.env.event_log is not None:
        refusal = new_event(REQUEST_REFUSED, outcome, reason=reason, path=page.path)
        account_id = visit.account.id if visit.account else None
        line = Occurrence(refusal, visit.visitor.source, "", account_id)
        visit.env.event_log.write([line], now=visit.now)


def _refuse_session(visit: Visit, page: Page, method: str) -> Response | None:
    """Refuse or redirect a request whose session does not give access to the page."""
    level = visit.session.level if visit.session else None
    if page.access is Access.OPEN or level in _OPENED_BY[page.access]:
        return None
    if wants_json(page):
        return problem.unauthorised()
    match level:
        case Level.ENROL:
            return see_other(enrolment_url(visit))
        case Level.HALF:
            return see_other(visit.url("sign_in.code"))
        case Level.FULL:  # it has already passed the second step
            return see_other(visit.url("account.dashboard"))
    sign_in = visit.url("sign_in")
    if method != "POST" and cookies.are_blocked(visit.cookies, visit.headers, sign_in):
        target = "" if page.access is Access.HALF else f"&next={quote(visit.full_path, safe='/')}"
        return see_other(f"{sign_in}?{cookies.BLOCKED}{target}")
    if method == "POST" or page.access is Access.HALF:
        return see_other(sign_in)
    return see_other(f"{sign_in}?next={quote(visit.full_path, safe='/')}")


async def _require_step_up(visit: Visit, page: Page, method: str) -> Response | None:
    """Ask for a fresh proof before a change; keep a form that was posted too late."""
    session, account = visit.session, visit.account
    if page.step_up is StepUp.NO or session is None or account is None:
        return None
    if session.level is Level.ENROL:  # it can do nothing but enrol
        return None
    if not session_core.needs_step_up(session, two_step=account.two_step, now=visit.now):
        return None
    return_to = visit.path
    if method == "POST" and page.step_up is StepUp.ASK:
        kept_id = await visit.do(
            kept_forms.keep_post,
            session,
            path=visit.path,
            form={name: text for name, text in visit.form.items() if "password" not in name},
        )
        return_to = kept_id or visit.path
    return see_other(f"{visit.url('confirm')}?r={quote(return_to, safe='/')}")


def wants_json(page: Page) -> bool:
    """Whether refusals of this page are JSON problems."""
    return page.name.startswith("api.")
