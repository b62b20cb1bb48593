"""The fast path of /api/session: a plain 200 for a full session with nothing to write."""

from __future__ import annotations

import json
from collections.abc import Collection

from starlette.types import Message, Scope

from twostep.core.account import Account
from twostep.core.outage import StoreUnavailable
from twostep.core.sign_in import session as session_core
from twostep.core.sign_in.session import Level, Session, SessionLimits
from twostep.flows.env import Env
from twostep.flows.sign_in import sessions
from twostep.web.door import cookies, headers


JSON = "application/json"

HEADERS = {"cache-control": "no-store"}


def describe(session: Session, account: Account, *, limits: SessionLimits) -> bytes:
    """The session as JSON. `auth_time`: Unix seconds of the most recent factor."""
    return json.dumps(
        {
            "account": account.name,
            "aal": session.aal,
            "amr": session.amr.split(),
            "auth_time": session.auth_time,
            "expires_at": session_core.ends_at(session, limits=limits),
        }
    ).encode()


class SessionCheck:
    """Answers for full sessions. `hosts`, `refuse_forwarded`: as for the whole application."""

    def __init__(self, env: Env, hosts: Collection[str], *, refuse_forwarded: bool) -> None:
        self._env = env
        self._refuse_forwarded = refuse_forwarded
        self._hosts = frozenset(host.encode() for host in hosts)
        self._cookie = cookies.session_name(env)
        self._limits = env.limits
        fixed = [
            (name.encode(), value.encode())
            for name, value in (*HEADERS.items(), ("content-type", JSON))
        ]
        self._headers = [*fixed, *headers.of_data(env.settings)]

    async def answer(self, scope: Scope, *, extends: bool) -> tuple[Message, Message] | None:
        """The two messages of a 200; None if the ordinary path must answer. `extends`: the request
        counts as activity, which the ordinary path stores now and then."""
        if scope["method"] != "GET" or scope["query_string"]:
            return None
        host = cookie = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"cookie":
                cookie = cookie + b"; " + value if cookie else value
            elif self._refuse_forwarded and name.startswith((b"forwarded", b"x-forwarded-")):
                return None
        if host.lower() not in self._hosts:
            return None
        now = self._env.clock()
        value = cookies.read(cookie.decode("latin-1")).get(self._cookie, "")
        loaded = await self._load(value, now=now)
        if loaded is None or loaded[0].level is not Level.FULL:
            return None
        if extends and session_core.needs_seen(loaded[0], now=now):
            return None
        body = describe(*loaded, limits=self._limits)
        length = (b"content-length", b"%d" % len(body))
        return (
            {"type": "http.response.start", "status": 200, "headers": [*self._headers, length]},
            {"type": "http.response.body", "body": body},
        )

    async def _load(self, cookie: str, *, now: int) -> tuple[Session, Account] | None:
        if not cookie:
            return None
        try:
            return await self._env.store.read(sessions.load, self._env, cookie=cookie, now=now)
        except StoreUnavailable:
            return None
