"""Account security: ways to sign in, sessions and activity; and the page that suggests a spare way in."""

from __future__ import annotations

from starlette.responses import Response

from twostep.core.methods.authenticator import MOST_APPS, MOST_PASSKEYS, MOST_PHONES
from twostep.core.refusal import Reason
from twostep.core.sign_in.session import FRESH_SECONDS
from twostep.flows.account.check_up import check_up
from twostep.flows.account.dashboard_view import view_settings
from twostep.flows.account.security_view import view_security
from twostep.flows.methods.method_view import has_phones
from twostep.flows.policy.decide import refuse_disabling
from twostep.web.door.origin import safe_next
from twostep.web.frame.frame import page, see_other
from twostep.web.frame.passkey_signal import signal_of
from twostep.web.frame.rows import (
    browser_rows,
    codes_banner,
    known_browser_rows,
    method_rows,
)
from twostep.web.visit import Visit
from twostep.web.words import banners


PAGE = "account.security"


async def show(visit: Visit) -> Response:
    """GET /settings/security. No banner for having only one way to sign in: the page says that itself."""
    security = await visit.read(view_security, visit.owner, visit.current)
    methods = security.methods
    banner = codes_banner(visit, methods)
    if security.offered:
        banner = banners.sign_out_elsewhere(visit)
    refused = refuse_disabling(visit.env, visit.owner)
    phones_on = has_phones(visit.env)
    return page(
        visit,
        "security.html",
        banner=banner,
        methods=method_rows(visit, visit.owner, methods),
        check_up=check_up(methods, two_step=visit.owner.two_step, phones_on=phones_on),
        phones_on=phones_on,
        app_full=len(methods.apps) >= MOST_APPS,
        phone_full=len(methods.phones) >= MOST_PHONES,
        required=refused is not None and refused.reason is Reason.NOT_ALLOWED,
        passkey_full=len(methods.passkeys) >= MOST_PASSKEYS,
        browsers=browser_rows(visit, security.browsers, security.this_browser),
        known_browsers=known_browser_rows(visit, security.known_browsers),
        signal=signal_of(visit, security.handle, methods.passkeys),
        sessions=len(security.sessions),
    )


async def show_spare(visit: Visit) -> Response:
    """GET /settings/security/spare: the end of the wizard, and a reminder after some sign-ins.

    `next`: where the user was going when a sign-in led here.
    """
    account = visit.owner
    if not account.two_step:
        return see_other(visit.url(PAGE))
    methods = (await visit.read(view_settings, account)).methods
    just_on = account.two_step_at is not None and visit.now - account.two_step_at < FRESH_SECONDS
    return page(
        visit,
        "spare.html",
        phones_on=has_phones(visit.env),
        has_phone=bool(methods.phones),
        has_passkey=bool(methods.passkeys),
        has_codes=methods.codes_left > 0,
        fresh=just_on,
        may_skip=True,
        next=safe_next(visit, visit.query["next"]) if "next" in visit.query else visit.url(PAGE),
    )
