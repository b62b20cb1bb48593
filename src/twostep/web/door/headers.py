"""Headers of every response: content, transport, framing and referrer policies (ASVS 3.4)."""

from __future__ import annotations

from urllib.parse import urlsplit

from twostep.config import Settings


YEAR_SECONDS = 365 * 86_400

_CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action {form_action}; base-uri 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'"
)


def content_policy(settings: Settings) -> str:
    """The policy of every page. A form's answer may lead on to the panel: Chromium holds redirects to
    `form-action` too."""
    home = urlsplit(settings.home_url) if settings.home_url else None
    panel = f" {home.scheme}://{home.netloc}" if home else ""
    return _CONTENT_POLICY.format(form_action=f"'self'{panel}")


def of_data(settings: Settings) -> list[tuple[bytes, bytes]]:
    """Headers of JSON responses: no browser renders them as a page, so page policies are left out."""
    kept = {b"x-content-type-options", b"strict-transport-security"}
    return [pair for pair in always(settings) if pair[0] in kept]


def always(settings: Settings) -> list[tuple[bytes, bytes]]:
    """Headers of every other response, ready for ASGI."""
    headers = {
        "content-security-policy": content_policy(settings),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        # With no-referrer, browsers would send `Origin: null` with our own forms.
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(),"
        " otp-credentials=(self), publickey-credentials-create=(self),"
        " publickey-credentials-get=(self)",
    }
    if settings.is_https:
        subdomains = "; includeSubDomains" if settings.server.hsts_subdomains else ""
        headers["strict-transport-security"] = f"max-age={2 * YEAR_SECONDS}{subdomains}"
    return [(name.encode(), value.encode()) for name, value in headers.items()]
