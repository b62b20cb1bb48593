"""Every route, in one list: name, path, page, and what the door requires before the page sees a
request."""

from __future__ import annotations

from twostep.core.messages import links
from twostep.flows.operate.doctor_call import PATH
from twostep.web.api import session as api_session
from twostep.web.frame import passkey_signal as signal
from twostep.web.pages.account import (
    activity,
    dashboard,
    display,
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
    first_setup,
    lost_phone,
    methods,
    passkey_new,
    phone_confirm,
    phone_new,
)
from twostep.web.pages.operate import delivery_health, metrics, system, telephony, well_known
from twostep.web.pages.recovery import forgot, not_me, recover
from twostep.web.pages.sign_in import code, confirm, help_sign_in, passkey, sign_in
from twostep.web.pages.sign_in import help_and_privacy as help_pages
from twostep.web.visit import Access, Page, StepUp


OPEN, HALF, ENROL = Access.OPEN, Access.HALF, Access.ENROL
ASK, ASK_ONLY = StepUp.ASK, StepUp.ASK_ONLY

# Telephony callbacks: incoming texts, the status of one message, the next step of a call.
TELEPHONY = tuple(
    Page(name, path, get, telephony.receive, access=OPEN, phones=True, signed=True)
    for name, path, get in (
        ("telephony.texts", "/telephony/{provider}/{what}", None),
        ("telephony.message", "/telephony/{provider}/{what}/{message}", telephony.receive_get),
        ("telephony.call", "/telephony/{provider}/{what}/{message}/{step}", None),
    )
)
PAGES: tuple[Page, ...] = (
    Page("account.dashboard", "/", dashboard.show),
    # Signing in.
    Page("sign_in", "/sign-in", sign_in.show, sign_in.submit, access=OPEN),
    Page("sign_in.code", "/sign-in/code", code.show, code.submit, access=HALF),
    Page("sign_in.send", "/sign-in/send", post=code.send, access=HALF, phones=True),
    Page("sign_in.status", "/sign-in/status", code.status, access=HALF, phones=True, extends=False),
    Page("sign_in.passkey", "/sign-in/passkey", passkey.show, passkey.submit, access=HALF),
    Page("sign_in.passkey_only", "/sign-in/passkey-only", post=passkey.submit_alone, access=OPEN),
    Page(
        "sign_in.passkey_options",
        "/sign-in/passkey/options",
        post=passkey.options,
        access=OPEN,
        extends=False,
    ),
    Page("sign_in.help", "/sign-in/help", help_sign_in.show, help_sign_in.submit, access=OPEN),
    Page("sign_out", "/sign-out", post=sign_in.sign_out, access=OPEN),
    # Settings.
    Page("account.settings", "/settings", settings.show),
    Page("account.profile", "/settings/profile", profile.show, profile.submit),
    Page("account.emails", "/settings/emails", emails.show, emails.add, step_up=ASK),
    Page("account.email_remove", "/settings/emails/{id}/remove", post=emails.remove, step_up=ASK),
    Page("account.email_confirm", links.CONFIRM_EMAIL, emails.show_confirm, emails.confirm),
    Page(
        "account.password", "/settings/password", password.show, password.submit, step_up=ASK_ONLY
    ),
    # Account security.
    Page("account.security", links.SECURITY, security.show),
    Page(
        "methods.app_new",
        "/settings/security/app/new",
        app_new.show,
        app_new.submit,
        access=ENROL,
        step_up=ASK,
    ),
    Page(
        "methods.first_setup",
        "/settings/security/first",
        first_setup.show,
        first_setup.submit,
        access=ENROL,
    ),
    Page(
        "methods.first_setup_link",
        links.CONFIRM_SETUP,
        first_setup.show_link,
        first_setup.submit_link,
        access=OPEN,
    ),
    Page("account.spare", "/settings/security/spare", security.show_spare),
    Page("methods.lost_phone", "/settings/security/lost-phone", lost_phone.show),
    Page(
        "methods.lost_phone_old",
        "/settings/security/lost-phone/old",
        lost_phone.show_old,
        lost_phone.submit_old,
        step_up=ASK,
    ),
    Page(
        "methods.phone_new",
        "/settings/security/phone/new",
        phone_new.show,
        phone_new.submit,
        step_up=ASK,
        phones=True,
    ),
    Page(
        "methods.phone_confirm",
        "/settings/security/phone/confirm",
        phone_confirm.show,
        phone_confirm.submit,
        step_up=ASK,
        phones=True,
    ),
    Page(
        "methods.phone_resend",
        "/settings/security/phone/resend",
        post=phone_confirm.resend,
        step_up=ASK,
        phones=True,
    ),
    Page(
        "methods.phone_status",
        "/settings/security/phone/status",
        phone_confirm.status,
        phones=True,
        extends=False,
    ),
    Page("methods.codes", "/settings/security/codes", codes.show, codes.submit, step_up=ASK),
    Page(
        "methods.codes_check",
        "/settings/security/codes/check",
        codes.show_check,
        codes.submit_check,
    ),
    Page(
        "methods.passkey_new",
        "/settings/security/passkey/new",
        passkey_new.show,
        passkey_new.submit,
        access=ENROL,
        step_up=ASK,
    ),
    Page(
        "methods.passkey_options",
        "/settings/security/passkey/options",
        post=passkey_new.options,
        access=ENROL,
        step_up=ASK_ONLY,
    ),
    Page("methods.passkey_signal", "/settings/security/passkey/signal", signal.show, extends=False),
    Page(
        "methods.known_browser_forget",
        "/settings/security/known-browsers/{id}/forget",
        post=browsers.forget_known,
    ),
    Page("methods.browser_forget", "/settings/security/browsers/{id}/forget", post=browsers.forget),
    Page(
        "methods.browsers_forget_all",
        "/settings/security/browsers/forget-all",
        post=browsers.forget_all,
    ),
    Page(
        "methods.remove",
        "/settings/security/method/{id}/remove",
        methods.show_remove,
        methods.submit_remove,
        step_up=ASK,
    ),
    Page(
        "methods.rename",
        "/settings/security/method/{id}/rename",
        methods.show_rename,
        methods.submit_rename,
        step_up=ASK,
    ),
    Page(
        "methods.default",
        "/settings/security/method/{id}/default",
        methods.show_default,
        methods.submit_default,
        step_up=ASK,
    ),
    Page(
        "methods.disable", "/settings/security/disable", disable.show, disable.submit, step_up=ASK
    ),
    Page("account.sessions", "/settings/sessions", sessions.show),
    Page("account.session_end", "/settings/sessions/{id}/end", post=sessions.end),
    Page("account.sessions_end_others", "/settings/sessions/end-others", post=sessions.end_others),
    Page("account.activity", "/settings/activity", activity.show),
    Page("account.activity_csv", "/settings/activity.csv", activity.download),
    Page(
        "recovery.not_me_event",
        "/settings/activity/{id}/not-me",
        not_me.show_event,
        not_me.submit_event,
        step_up=ASK_ONLY,
    ),
    # Step-up.
    Page("confirm", "/confirm", confirm.show, confirm.submit),
    Page("confirm.send", "/confirm/send", post=confirm.send, phones=True),
    Page("confirm.passkey", "/confirm/passkey", post=confirm.submit_passkey),
    Page("confirm.passkey_options", "/confirm/passkey/options", post=passkey.options_of_session),
    Page("confirm.status", "/confirm/status", confirm.status, phones=True, extends=False),
    # Mailed links.
    Page("recovery.not_me", links.NOT_ME, not_me.show, not_me.submit, access=OPEN),
    Page("recovery.forgot", "/forgot-password", forgot.show, forgot.submit, access=OPEN),
    Page("recovery.recover", links.RECOVER, recover.show, recover.submit, access=OPEN),
    Page(
        "recovery.cancel",
        links.CANCEL_RECOVERY,
        recover.show_cancel,
        recover.submit_cancel,
        access=OPEN,
    ),
    Page(
        "recovery.reset", links.RESET_PASSWORD, forgot.show_reset, forgot.submit_reset, access=OPEN
    ),
    # Operators.
    Page("operate.delivery", "/admin/delivery", delivery_health.show),
    Page(
        "operate.delivery_test",
        "/admin/delivery/test",
        post=delivery_health.test,
        step_up=ASK,
        phones=True,
    ),
    # Machines.
    Page("api.session", "/api/session", api_session.show),
    Page("api.session_peek", "/api/session/peek", api_session.peek, extends=False),
    *TELEPHONY,
    # Open to everybody.
    Page("language", "/language", post=display.change, access=OPEN),
    Page("help", "/help", help_pages.show, access=OPEN),
    Page("privacy", "/privacy", help_pages.show_privacy, access=OPEN),
    Page("operate.healthz", "/healthz", system.healthz, access=OPEN, extends=False, probe=True),
    Page("operate.readyz", "/readyz", system.readyz, access=OPEN, extends=False, probe=True),
    Page("operate.doctor", PATH, system.doctor, access=OPEN, extends=False, probe=True),
    Page("operate.metrics", "/metrics", metrics.show, access=OPEN, extends=False, probe=True),
    Page(
        "well_known.change_password",
        "/.well-known/change-password",
        system.change_password,
        access=OPEN,
        at_origin=True,
    ),
    Page(
        "well_known.webauthn",
        "/.well-known/webauthn",
        well_known.webauthn,
        access=OPEN,
        at_origin=True,
    ),
    Page(
        "well_known.passkey_endpoints",
        "/.well-known/passkey-endpoints",
        well_known.passkey_endpoints,
        access=OPEN,
        at_origin=True,
    ),
    Page("static.brand", "/static/brand.css", system.brand, access=OPEN, extends=False),
    Page("static.logo", "/static/logo", system.logo, access=OPEN, extends=False),
    Page("static", "/static/{name}", system.static, access=OPEN, extends=False),
)
