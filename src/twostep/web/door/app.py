"""The web application, as ASGI: read the request, take it through the door, send the response.

This module has the only broad `except` in `web`: whatever goes wrong, the response is a page with a
reference and never a stack trace, and it shows nothing from a transaction that did not commit.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress

import structlog
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from twostep.core.methods.recovery_codes import ALPHABET
from twostep.core.outage import OutcomeUnknown, StoreUnavailable
from twostep.flows.audit.unreadable import record_unreadable
from twostep.flows.env import Env
from twostep.flows.hash_pool import RETRY_AFTER_SECONDS, Overloaded
from twostep.flows.policy.decide import accepts_phones
from twostep.flows.unseal import Unreadable
from twostep.web.door import headers, origin, session_check
from twostep.web.door.forms import BadForm, read_body
from twostep.web.door.guard import new_visit, record_refused_request, serve_page
from twostep.web.door.proxy_warnings import warn_of_host, warn_of_proxy
from twostep.web.frame import problem
from twostep.web.route_table import PageRoute, RouteTable
from twostep.web.visit import Page, Visit


JSON = "application/json"
UNAVAILABLE_SECONDS = 5

log = structlog.get_logger(__name__)


class WebApp:
    """The ASGI application.

    `hosts`, `origins`: accepted values of Host and Origin. `refuse_forwarded`: answer 400 to forwarded
    headers (the demo). `unchecked`: path prefix whose POSTs need no origin (the demo's own routes).
    """

    def __init__(
        self,
        env: Env,
        pages: Sequence[Page],
        *,
        hosts: Collection[str],
        origins: Collection[str],
        refuse_forwarded: bool = False,
        unchecked: str = "",
    ) -> None:
        self._env = env
        self.table = RouteTable(pages, self._serve, root_path=env.root_path)
        self._hosts = frozenset(hosts)
        self._origins = frozenset(origins)
        self._refuse_forwarded = refuse_forwarded
        self._unchecked = env.root_path + unchecked if unchecked else ""
        self._headers = headers.always(env.settings)
        self._data_headers = headers.of_data(env.settings)
        self._check = session_check.SessionCheck(
            env, self._hosts, refuse_forwarded=refuse_forwarded
        )
        # Whether asking counts as activity, by path.
        self._checks = {
            self.table.path_for("api.session"): True,
            self.table.path_for("api.session_peek"): False,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"unsupported scope type: {scope['type']}")
        extends = self._checks.get(scope["path"])
        if extends is not None and (messages := await self._check.answer(scope, extends=extends)):
            self._env.counters.answers[200] += 1
            for message in messages:
                await send(message)
            return
        await self.table(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that the route table has matched, or found no page for."""
        route = scope["route"]
        page = route.page if isinstance(route, PageRoute) else None
        response = await self._respond(scope, receive, page)
        self._env.counters.answers[response.status_code] += 1
        already_set = {name for name, _ in response.raw_headers}
        wanted = self._data_headers if response.media_type == JSON else self._headers
        response.raw_headers.extend(pair for pair in wanted if pair[0] not in already_set)
        if scope["method"] == "HEAD":
            response.body = b""
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, page: Page | None) -> Response:
        visit: Visit | None = None
        try:
            visit = await new_visit(self._env, self.table, scope)
            if refused := await self._refuse_foreign(visit, scope, page):
                return refused
            if page is None or (page.phones and not accepts_phones(self._env)):
                return self._not_found(visit, scope["method"])
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            if method not in {"GET", "POST"}:
                return problem.method_not_allowed(visit, page)
            body = b""
            if method == "POST":
                seconds = self._env.settings.server.body_seconds
                declared = visit.headers.get("content-length", "")
                body = await read_body(receive, declared, seconds=seconds)
                if self._env.clock() != visit.now:
                    # The body was slow to arrive. Read clock and session again: otherwise a slow
                    # sender could keep using codes and waits of an earlier moment.
                    visit = await new_visit(self._env, self.table, scope)
            return await serve_page(visit, page, method, body)
        except BadForm as error:
            return _plain(error.status) if visit is None else problem.error(visit, error.status)
        except (Overloaded, StoreUnavailable) as outage:
            visit = visit or await new_visit(self._env, self.table, scope, look_up=False)
            return _retry(visit, page, outage)
        except Unreadable as broken:
            return await _say_unreadable(visit, broken)
        except Exception:
            reference = _new_reference()
            log.exception("web.failed", reference=reference, path=page.path if page else "")
            return _plain(500) if visit is None else problem.error(visit, 500, reference=reference)

    def _not_found(self, visit: Visit, method: str) -> Response:
        """404, or the way to the page that was meant by an address with a slash at its end."""
        path = visit.path.removesuffix("/")
        if method not in {"GET", "HEAD"} or path == visit.path or self.table.find(path) is None:
            return problem.not_found(visit)
        query = f"?{visit.query_string}" if visit.query_string else ""
        return RedirectResponse(path + query, 308)

    async def _refuse_foreign(
        self, visit: Visit, scope: Scope, page: Page | None
    ) -> Response | None:
        """421, 403, or 400 (a NUL in the query; forwarded headers in the demo), before the body is read."""
        is_probe = page is not None and page.probe
        if not is_probe and not origin.is_own_host(visit.headers, self._hosts):
            warn_of_host(visit)
            return problem.error(visit, 421)
        if not is_probe:
            warn_of_proxy(visit, scope)
        if "%00" in visit.query_string or (
            self._refuse_forwarded
            and any(
                name == "forwarded" or name.startswith("x-forwarded-") for name in visit.headers
            )
        ):
            return problem.error(visit, 400)
        if scope["method"] in {"GET", "HEAD", "OPTIONS", "TRACE"} or (
            page is not None and page.signed
        ):
            return None
        if self._unchecked and visit.path.startswith(self._unchecked):
            foreign = visit.headers.get("origin", "") not in {"", *self._origins}
            return problem.error(visit, 403) if foreign else None
        if origin.is_own_origin(visit.headers, self._origins):
            return None
        if page is not None:
            await record_refused_request(visit, page, "origin")
        return problem.error(visit, 403)


def _retry(visit: Visit, page: Page | None, outage: Overloaded | StoreUnavailable) -> Response:
    """503: ask the user to try again, on the page with the form."""
    seconds = RETRY_AFTER_SECONDS if isinstance(outage, Overloaded) else UNAVAILABLE_SECONDS
    again_url = visit.full_path if page and page.get else visit.url("sign_in")
    unsure = isinstance(outage, OutcomeUnknown)
    retry_at = visit.now + seconds
    return problem.error(visit, 503, retry_at=retry_at, again_url=again_url, unsure=unsure)


async def _say_unreadable(visit: Visit | None, broken: Unreadable) -> Response:
    """503 with a reference: what we keep for this person does not open, and only we can mend that."""
    reference = _new_reference()
    log.error("web.unreadable", reference=reference, account=broken.account_id)
    if visit is None:
        return _plain(503)
    with suppress(StoreUnavailable):
        await visit.do(record_unreadable, broken)
    return problem.error(visit, 503, reference=reference)


def _new_reference() -> str:
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(2))


def _plain(status: int) -> Response:
    """The response when not even a page can be rendered."""
    text = "Something went wrong on our side. Nothing was changed. Try again in a moment.\n"
    return Response(text, status, media_type="text/plain")
