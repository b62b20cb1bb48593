"""Every cookie, in one place.

On https they carry the `__Host-` prefix and Secure; on plain http, which is loopback only, neither.
Values are opaque; the database holds only digests.
"""

from __future__ import annotations

from starlette.responses import Response

from twostep.flows.env import Env
from twostep.flows.sign_in import SignedIn


BROWSER_SECONDS = 400 * 86_400  # browsers keep no cookie longer
LANGUAGE_SECONDS = 365 * 86_400
LONGEST_HEADER = 8192
LANGUAGE = "twostep-language"


def session_name(env: Env) -> str:
    """The session cookie's name."""
    return "__Host-twostep" if env.settings.is_https else "twostep"


def browser_name(env: Env) -> str:
    """The known browser cookie's name."""
    return "__Host-twostep-browser" if env.settings.is_https else "twostep-browser"


def read(header: str) -> dict[str, str]:
    """Read a Cookie header; what cannot be read is no cookie."""
    if not header or len(header) > LONGEST_HEADER:
        return {}
    found: dict[str, str] = {}
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name and name not in found:
            found[name] = value
    return found


def set_signed_in(response: Response, env: Env, signed_in: SignedIn) -> None:
    """Set the new session's cookie, and the known browser's where it is new."""
    _set(response, env, session_name(env), signed_in.token, max_age=None)
    if signed_in.browser_token:
        _set(response, env, browser_name(env), signed_in.browser_token, max_age=BROWSER_SECONDS)


def expire_session(response: Response, env: Env) -> None:
    """Expire the session cookie by name; never `Clear-Site-Data: "cookies"`."""
    _set(response, env, session_name(env), "", max_age=0)


def set_language(response: Response, env: Env, language: str) -> None:
    """Keep a signed-out reader's language."""
    _set(response, env, LANGUAGE, language, max_age=LANGUAGE_SECONDS)


def _set(response: Response, env: Env, name: str, value: str, *, max_age: int | None) -> None:
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path="/",
        secure=env.settings.is_https,
        httponly=True,
        samesite="lax",
    )
