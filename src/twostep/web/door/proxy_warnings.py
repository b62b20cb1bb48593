"""Warnings that the proxy in front is set up wrong, which would otherwise first be seen when everybody
is locked out: each at most once an hour for the same address."""

from __future__ import annotations

from starlette.types import Scope

from twostep.web.door.client import is_trusted_peer
from twostep.web.visit import Visit


HOUR_SECONDS = 3600


def warn_of_host(visit: Visit) -> None:
    """A request names another host: the proxy does not pass the Host header on, or the name is wrong."""
    host, ours = visit.headers.get("host", "")[:100], visit.env.settings.public_url
    visit.env.capped_log.warn(
        "request.foreign_host",
        host,
        now=visit.now,
        seconds=HOUR_SECONDS,
        host=host,
        remedy=f"We are {ours}: the proxy must pass the Host header on, or public_url is wrong.",
    )


def warn_of_proxy(visit: Visit, scope: Scope) -> None:
    """The peer and X-Forwarded-For do not go together, so all visitors behind it count as one."""
    peer = scope["client"][0] if scope["client"] else ""
    trusted = visit.env.settings.trusted_proxies
    is_trusted = is_trusted_peer(peer, trusted)
    is_forwarded = bool(visit.headers.get("x-forwarded-for", "").strip(", "))
    if is_trusted == is_forwarded or not visit.env.settings.is_https:  # plain http: no proxy
        return
    what, remedy = (
        ("proxy.sends_no_address", f"{peer} is in trusted_proxies and sends no X-Forwarded-For")
        if is_trusted
        else ("proxy.not_trusted", f"{peer} sends X-Forwarded-For and is not in trusted_proxies")
    )
    visit.env.capped_log.warn(
        what,
        peer,
        now=visit.now,
        seconds=HOUR_SECONDS,
        peer=peer,
        remedy=f"{remedy}: if it is your proxy, all visitors count as one.",
    )
