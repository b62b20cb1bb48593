"""Whether a request comes from our own pages (security: Requests; ASVS 3.5.1).

There are no form tokens, so a form never goes stale. A POST passes if `Sec-Fetch-Site` is
`same-origin`, or, without that header, if the origin is ours. This applies with or without a cookie,
so it also stops login CSRF.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from urllib.parse import urlsplit

from twostep.web.visit import Visit


_DEFAULT_PORTS = {"http": 80, "https": 443}


def hosts_of(origins: Iterable[str]) -> frozenset[str]:
    """Values of Host that name one of `origins`; a default port may be written out (RFC 9110 §4.2.3)."""
    hosts = set()
    for scheme, netloc in (urlsplit(origin)[:2] for origin in origins):
        hosts |= {netloc, f"{netloc}:{_DEFAULT_PORTS[scheme]}"}
    return frozenset(hosts)


def is_own_host(headers: Mapping[str, str], hosts: Collection[str]) -> bool:
    """Whether the Host header names this installation."""
    return headers.get("host", "").lower() in hosts


def is_own_origin(headers: Mapping[str, str], origins: Collection[str]) -> bool:
    """Whether a POST was sent from one of our own pages."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return headers.get("origin", "").lower() in origins


def safe_next(visit: Visit, path: str) -> str:
    """A path on this site to continue to; anything else becomes the start page.

    Browsers read a backslash as a slash and drop control characters, so both are refused.
    """
    start = visit.url("account.dashboard")
    if not path.startswith("/") or path.startswith("//") or "\\" in path or len(path) > 2000:
        return start
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in path):
        return start
    return path
