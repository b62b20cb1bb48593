"""Every route there is, in one list: path, page, and what the door asks before the page sees a request."""

from __future__ import annotations

from twostep.web.api import session as api_session
from twostep.web.frame import passkey_signal as signal
from twostep.web.pages.account import (
    activity,
    dashboard,
    emails,
    password,
    profile,
    security,
    sessions,
    settings,
)
from twostep.web.pages.methods import (
    app_new,
    browsers,
    codes,
    disable,
    methods,
    passkey_new,
    phone_confirm,
    phone_new,
)
from twostep.web.pages.operate import delivery_health, metrics, system, telephony, well_known
from twostep.web.pages.recovery import forgot, not_me, recover
from twostep.web.pages.sign_in import code, help_sign_in, passkey, sign_in
from twostep.web.pages.sign_in import help_and_privacy as help_pages
from twostep.web.pages.sign_in.confirm import Confirm
from twostep.web.visit import Access, Page, StepUp


OPEN, HALF, ENROL = Access.OPEN, Access.HALF, Access.ENROL
ASK, ASK_ONLY = StepUp.ASK, StepUp.ASK_ONLY
# It carries kept forms out, so it is given the finished table of routes (`build_app`).
CONFIRM = Confirm()

# A provider's own addresses: of texts that come in, of one message, of a call that goes on.
TELEPHONY = tuple(
    Page(path, get, telephony.receive, access=OPEN, phones=True, signed=True)
    for path, get in (
        ("/telephony/{provider}/{what}", None),
        ("/telephony/{provider}/{what}/{message}", telephony.receive_get),
        ("/telephony/{provider}/{what}/{message}/{step}", None),
    )
)
PAGES: tuple[Page, ...] = (
    Page("/", dashboard.show),
    # Signing in.
    Page("/sign-in", sign_in.show, sign_in.submit, access=OPEN),
    Page("/sign-in/code", code.show, code.submit, access=HALF),
    Page("/sign-in/send", post=code.send, access=HALF, phones=True),
    Page("/sign-in/status", code.status, access=HALF, phones=True, extends=False),
    Page("/sign-in/passkey", passkey.show, passkey.submit, access=HALF),
    Page("/sign-in/passkey-only", post=passkey.submit_alone, access=OPEN),
    Page("/sign-in/passkey/options", post=passkey.options, access=OPEN, extends=False),
    Page("/sign-in/help", help_sign_in.show, access=OPEN),
    Page("/sign-out", post=sign_in.sign_out, access=OPEN),
    # Settings.
    Page("/settings", settings.show),
    Page("/settings/profile", profile.show, profile.submit),
    Page("/settings/emails", emails.show, emails.add, step_up=ASK),
    Page("/settings/emails/{id}/remove", post=emails.remove, step_up=ASK),
    Page("/settings/emails/confirm/{token}", emails.show_confirm, emails.confirm),
    Page("/settings/password", password.show, password.submit, step_up=ASK_ONLY),
    # Account security.
    Page("/settings/security", security.show),
    Page("/settings/security/app/new", app_new.show, app_new.submit, access=ENROL, step_up=ASK),
    Page("/settings/security/spare", security.show_spare),
    Page(
        "/settings/security/phone/new",
        phone_new.show,
        phone_new.submit,
        step_up=ASK,
        phones=True,
    ),
    Page(
        "/settings/security/phone/confirm",
        phone_confirm.show,
        phone_confirm.submit,
        step_up=ASK,
        phones=True,
    ),
    Page("/settings/security/phone/resend", post=phone_confirm.resend, step_up=ASK, phones=True),
    Page("/settings/security/phone/status", phone_confirm.status, phones=True, extends=False),
    Page("/settings/security/codes", codes.show, codes.submit, step_up=ASK),
    Page("/settings/security/codes/check", codes.show_check, codes.submit_check),
    Page(
        "/settings/security/passkey/new",
        passkey_new.show,
        passkey_new.submit,
        access=ENROL,
        step_up=ASK,
    ),
    Page(
        "/settings/security/passkey/options",
        post=passkey_new.options,
        access=ENROL,
        step_up=ASK_ONLY,
    ),
    Page("/settings/security/passkey/signal", signal.show, extends=False),
    Page("/settings/security/browsers/{id}/forget", post=browsers.forget),
    Page("/settings/security/browsers/forget-all", post=browsers.forget_all),
    Page(
        "/settings/security/method/{id}/remove",
        methods.show_remove,
        methods.submit_remove,
        step_up=ASK,
    ),
    Page(
        "/settings/security/method/{id}/rename",
        methods.show_rename,
        methods.submit_rename,
        step_up=ASK,
    ),
    Page(
        "/settings/security/method/{id}/default",
        methods.show_default,
        methods.submit_default,
        step_up=ASK,
    ),
    Page("/settings/security/disable", disable.show, disable.submit, step_up=ASK),
    Page("/settings/sessions", sessions.show),
    Page("/settings/sessions/{id}/end", post=sessions.end),
    Page("/settings/sessions/end-others", post=sessions.end_others),
    Page("/settings/activity", activity.show),
    Page("/settings/activity.csv", activity.download),
    Page(
        "/settings/activity/{id}/not-me",
        not_me.show_event,
        not_me.submit_event,
        step_up=ASK_ONLY,
    ),
    # Confirming again who is there.
    Page("/confirm", CONFIRM.show, CONFIRM.submit),
    Page("/confirm/send", post=CONFIRM.send, phones=True),
    Page("/confirm/passkey", post=CONFIRM.submit_passkey),
    Page("/confirm/passkey/options", post=passkey.options_of_session),
    Page("/confirm/status", CONFIRM.status, phones=True, extends=False),
    # Mailed links.
    Page("/not-me/{token}", not_me.show, not_me.submit, access=OPEN),
    Page("/forgot-password", forgot.show, forgot.submit, access=OPEN),
    Page("/recover", recover.show, recover.submit, access=OPEN),
    Page("/recover/cancel/{token}", recover.show_cancel, recover.submit_cancel, access=OPEN),
    Page("/reset-password/{token}", forgot.show_reset, forgot.submit_reset, access=OPEN),
    # Operators.
    Page("/admin/delivery", delivery_health.show),
    Page("/admin/delivery/test", post=delivery_health.test, step_up=ASK, phones=True),
    # Machines.
    Page("/api/session", api_session.show, extends=False),
    *TELEPHONY,
    # For everybody.
    Page("/language", post=sign_in.change_language, access=OPEN),
    Page("/help", help_pages.show, access=OPEN),
    Page("/privacy", help_pages.show_privacy, access=OPEN),
    Page("/healthz", system.healthz, access=OPEN, extends=False),
    Page("/readyz", system.readyz, access=OPEN, extends=False),
    Page("/metrics", metrics.show, access=OPEN, extends=False),
    Page("/.well-known/change-password", system.change_password, access=OPEN),
    Page("/.well-known/webauthn", well_known.webauthn, access=OPEN),
    Page("/.well-known/passkey-endpoints", well_known.passkey_endpoints, access=OPEN),
    Page("/static/brand.css", system.brand, access=OPEN, extends=False),
    Page("/static/logo", system.logo, access=OPEN, extends=False),
    Page("/static/{name}", system.static, access=OPEN, extends=False),
)
