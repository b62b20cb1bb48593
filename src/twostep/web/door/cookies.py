"""All cookies, in one place.

On https they have the `__Host-` prefix and Secure; on plain http, which is loopback only, neither.
Browsers accept that prefix only with `Path=/`, so the path is `/` under a root path too.
Values are opaque; the database holds only digests.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from twostep.flows.env import Env
from twostep.flows.sign_in.complete import SignedIn


DAY_SECONDS = 86_400
BROWSER_SECONDS = 400 * DAY_SECONDS  # browsers cap cookies at 400 days
CHOICE_SECONDS = 365 * DAY_SECONDS
APPEARANCES = ("light", "dark")
BLOCKED = "cookie=blocked"  # in the query of the sign-in page, for a browser that accepts none


def session_name(env: Env) -> str:
    """The session cookie's name."""
    return "__Host-twostep" if env.settings.is_https else "twostep"


def browser_name(env: Env) -> str:
    """The known browser cookie's name."""
    return "__Host-twostep-browser" if env.settings.is_https else "twostep-browser"


def remember_name(env: Env) -> str:
    """The remembered browser cookie's name."""
    return "__Host-twostep-remember" if env.settings.is_https else "twostep-remember"


def language_name(env: Env) -> str:
    """The name of the cookie that keeps the language chosen in this browser."""
    return "__Host-twostep-language" if env.settings.is_https else "twostep-language"


def appearance_name(env: Env) -> str:
    """The name of the cookie that keeps light or dark for this browser."""
    return "__Host-twostep-appearance" if env.settings.is_https else "twostep-appearance"


def appearance(env: Env, jar: Mapping[str, str]) -> str:
    """`light` or `dark` if one was chosen in this browser, or empty."""
    chosen = jar.get(appearance_name(env), "")
    return chosen if chosen in APPEARANCES else ""


def read(header: str) -> dict[str, str]:
    """Read a Cookie header, however many cookies the panel next door has set; skip what cannot be read."""
    jar: dict[str, str] = {}
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name and name not in jar:
            jar[name] = value
    return jar


def are_blocked(jar: Mapping[str, str], headers: Mapping[str, str], sign_in: str) -> bool:
    """Whether a request that needs a session comes from the sign-in form and has no cookies at all:
    the browser was just given one and did not store it. `sign_in`: the form's path."""
    came_from = headers.get("referer", "").partition("?")[0]
    host = headers.get("host", "")
    return not jar and came_from in {f"https://{host}{sign_in}", f"http://{host}{sign_in}"}


def set_signed_in(response: Response, env: Env, signed_in: SignedIn) -> None:
    """Set the new session's cookie, and the known and remembered browser's cookies if they are new."""
    _set(response, env, session_name(env), signed_in.token, max_age=None)
    set_browser(response, env, signed_in.browser_token)
    if signed_in.remember_token:
        seconds = env.settings.policy.remember_browser_days * DAY_SECONDS
        _set(response, env, remember_name(env), signed_in.remember_token, max_age=seconds)


def set_browser(response: Response, env: Env, browser_token: str | None) -> None:
    """Set the cookie of a browser that is known, or proven by a mailed link, if it is new."""
    if browser_token:
        _set(response, env, browser_name(env), browser_token, max_age=BROWSER_SECONDS)


def expire_session(response: Response, env: Env) -> None:
    """Expire the session cookie by name; never `Clear-Site-Data: "cookies"`."""
    _set(response, env, session_name(env), "", max_age=0)


def set_language(response: Response, env: Env, language: str) -> None:
    """Remember the language chosen in this browser."""
    _set(response, env, language_name(env), language, max_age=CHOICE_SECONDS)


def set_appearance(response: Response, env: Env, chosen: str) -> None:
    """Remember light or dark in this browser; anything else forgets it."""
    is_known = chosen in APPEARANCES
    value, seconds = (chosen, CHOICE_SECONDS) if is_known else ("", 0)
    _set(response, env, appearance_name(env), value, max_age=seconds)


def _set(response: Response, env: Env, name: str, value: str, *, max_age: int | None) -> None:
    """Values are our own letters, digits, `-` and `_`, so nothing needs quoting."""
    parts = [f"{name}={value}", "HttpOnly", "Path=/", "SameSite=Lax"]
    if max_age is not None:
        parts.append(f"Max-Age={max_age}")
    if env.settings.is_https:
        parts.append("Secure")
    response.raw_headers.append((b"set-cookie", "; ".join(parts).encode("latin-1")))
