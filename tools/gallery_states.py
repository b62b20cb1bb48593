"""Every page in every state: what `tools/gallery.py` draws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gallery_delivery import delivery_states
from gallery_samples import (
    ACTIVITY,
    APP,
    APP_WAY,
    CALL,
    DAY,
    DOWN,
    HOUR,
    KEY,
    LABEL,
    METHODS,
    MINUTE,
    NOW,
    PASSKEY,
    PASSKEY_WAY,
    SESSIONS,
    SHEET,
    TEXT,
    URI,
    URL,
    WAYS,
    errors,
    frame,
    qr,
    regions,
    time_zones,
)
from gallery_words import localise

from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import MethodKind
from twostep.flows.account.check_up import Check, CheckUp, Safety
from twostep.flows.methods.first_setup import SetupLink
from twostep.flows.recovery.lost_phone import RecoverView
from twostep.i18n import language
from twostep.names import country_name
from twostep.web.view import (
    BrowserRow,
    CodeAsk,
    EmailRow,
    KnownBrowserRow,
    Link,
    PasskeyUrls,
    PhoneForm,
    StatusBox,
)
from twostep.web.words.banners import cookie_blocked
from twostep.web.words.events import activity_filters
from twostep.web.words.flash import flash_notice


State = tuple[str, dict[str, Any]]


def checks(safety: Safety, next_kind: MethodKind | None, *missing: MethodKind) -> CheckUp:
    return CheckUp(
        safety, tuple(Check(kind, kind not in missing) for kind in MethodKind), next_kind
    )


def states(code: str) -> dict[str, State]:
    """Name of the state to template and context, for one language."""
    every = _signing_in(code) | _wizard(code) | _settings(code) | _rest(code)
    return {
        name: (template, localise(context, code)) for name, (template, context) in every.items()
    }


def _signing_in(code: str) -> dict[str, State]:
    out, half = frame(code), frame(code, stage=1)
    sign_in = {"frame": out, "errors": (), "username": "", "next": "/settings", "notice": None}
    step = {
        "frame": half, "errors": (), "ask": APP, "ways": WAYS, "user_name": "alice", "label": LABEL, "next": "",
        "ends_at": NOW + 10 * MINUTE, "remember_days": 0, "clock_at": None, "notice": None,
        "passkey": PasskeyUrls("/sign-in/passkey/options", "/sign-in/passkey", "/sign-in/passkey"),
    }  # fmt: skip
    confirm = {
        "frame": frame(code, stage=2), "errors": (), "r": "Xy12", "about": "replace your backup codes", "kept": False,
        "cancel_url": "/settings/security", "ask": APP, "ways": WAYS, "label": LABEL, "clock_at": None,
        "user_name": "alice", "notice": None, "passkey": PasskeyUrls("/confirm/passkey/options", "/confirm/passkey", "/confirm"),
    }  # fmt: skip
    paused = {
        "frame": out,
        "until": NOW + 8 * MINUTE,
        "lead": "For your safety we have paused sign-in for this account until 09:15 (15 minutes).",
        "offers_reset": True,
        "again": "Try again",
        "ways": (),
        "send_url": "/sign-in/send",
        "here_url": "/sign-in/code",
        "hidden": {},
        "back_url": "/sign-in",
        "passkey": None,
    }
    help_page = {
        "frame": out,
        "user_name": None,
        "reference": None,
        "reference_until": None,
        "has_codes": True,
        "has_passkey": True,
        "has_phone": True,
        "has_app": True,
        "is_sent": False,
        "may_send": True,
        "recover_url": None,
        "recover_until": NOW + 3 * DAY,
    }
    no = "That code is not right. Codes change every 30 seconds – wait for the next one and try again. 2 tries left before a short pause."
    return {
        "sign-in": ("sign_in.html", sign_in),
        "sign-in-wrong": ("sign_in.html", sign_in | {"username": "alice", "errors": errors(None, "The username or password is not right. Check both and try again.")}),
        "sign-in-retired": ("sign_in.html", sign_in | {"username": "alice", "errors": errors("password", "This password no longer works, because someone who has it tried to guess codes. We have sent a link to your e-mail addresses: set a new one there. Your phone and app stay as they are.")}),
        "sign-in-secured": ("sign_in.html", sign_in | {"username": "alice", "errors": errors("password", "This password no longer works, because your account was secured. We have sent a link to your e-mail addresses: set a new one there.")}),
        "sign-in-no-cookie": ("sign_in.html", sign_in | {"notice": cookie_blocked(language=code)}),
        "code-app": ("code.html", step | {"ways": (*WAYS, PASSKEY_WAY)}),
        "passkey-ask": ("code.html", step | {"ask": PASSKEY, "ways": (APP_WAY, *WAYS), "remember_days": 30}),
        "passkey-ask-refused": ("code.html", step | {"ask": PASSKEY, "ways": (APP_WAY, *WAYS), "errors": errors(None, "That passkey was not accepted. Try again, or use another way to sign in.")}),
        "code-app-wrong": ("code.html", step | {"errors": errors("code", no), "clock_at": NOW, "remember_days": 30}),
        "code-text": ("code.html", step | {"ask": TEXT, "ways": (APP_WAY, *DOWN[1:])}),
        "code-call-failed": ("code.html", step | {"ask": CALL, "ways": (APP_WAY, *DOWN)}),
        "code-backup": ("code.html", step | {"ask": CodeAsk("codes", method_id="rc1"), "ways": (APP_WAY, *WAYS[:2])}),
        "confirm-app": ("confirm.html", confirm | {"ways": (*WAYS, PASSKEY_WAY)}),
        "confirm-passkey": ("confirm.html", confirm | {"ask": PASSKEY, "ways": (APP_WAY, *WAYS)}),
        "confirm-password": ("confirm.html", confirm | {"ask": CodeAsk("password"), "ways": (), "about": "set up two-step sign-in", "kept": True}),
        "throttled": ("throttled.html", paused),
        "throttled-code": ("throttled.html", paused | {"lead": "For your safety we are not accepting codes for this account until 09:15 (15 minutes).", "offers_reset": False, "again": "Enter a code", "ways": (*WAYS[2:], PASSKEY_WAY), "frame": half, "passkey": step["passkey"]}),
        "help-sign-in": ("help_sign_in.html", help_page),
        "help-sign-in-reference": ("help_sign_in.html", help_page | {"frame": half, "user_name": "alice", "reference": "KITE-4821", "reference_until": NOW + 15 * MINUTE, "recover_url": "/recover"}),
        "help-sign-in-sent": ("help_sign_in.html", help_page | {"frame": half, "user_name": "alice", "reference": "KITE-4821", "reference_until": NOW + DAY, "is_sent": True}),
        "help-sign-in-app-only": ("help_sign_in.html", help_page | {"frame": half, "user_name": "alice", "has_codes": False, "has_passkey": False, "has_phone": False}),
        "forgot-password": ("forgot_password.html", {"frame": out, "errors": (), "username": ""}),
        "forgot-sent": ("forgot_sent.html", {"frame": out}),
        "reset-password": ("reset_password.html", {"frame": out, "errors": (), "token": "t", "user_name": "alice", "minimum": 8}),
        "recover-ask": ("recover.html", {"frame": half, "recovery": RecoverView(72, None, is_over=False, may_start_at=0)}),
        "recover-later": ("recover.html", {"frame": half, "recovery": RecoverView(72, None, is_over=False, may_start_at=NOW + 2 * DAY)}),
        "recover-waiting": ("recover.html", {"frame": half, "recovery": RecoverView(72, NOW + 3 * DAY, is_over=False, may_start_at=0)}),
        "recover-over": ("recover.html", {"frame": half, "recovery": RecoverView(72, NOW - HOUR, is_over=True, may_start_at=0)}),
        "recover-cancel": ("recover_cancel.html", {"frame": out, "token": "sample"}),
        "recover-finish": ("recover_finish.html", {"frame": out, "errors": (), "user_name": "alice", "link": "sample"}),
        "link-dead": ("link_dead.html", {"frame": out, "password": True, "days": 0}),
        "not-me": ("not_me.html", {"frame": out, "action": "/not-me/t", "sentence": None, "undone": (), "kept": True, "may_recover": True}),
    }  # fmt: skip


def _wizard(code: str) -> dict[str, State]:
    on, off = frame(code, stage=2), frame(code, stage=2, two_step=False)
    setup = {
        "frame": off,
        "replaces": False,
        "errors": (),
        "qr_svg": qr(),
        "key": KEY,
        "uri": URI,
        "label": LABEL,
        "first": True,
        "name": "",
        "cancel_url": "/settings",
        "expired": False,
    }
    spare = {
        "frame": on,
        "phones_on": True,
        "has_phone": False,
        "has_codes": False,
        "has_passkey": False,
        "fresh": True,
        "may_skip": True,
        "next": "/settings/security",
    }
    every = regions(code)
    form = PhoneForm(
        tuple(r for r in every if r.code in {"DE", "GB"}), every, "DE", "01512 3456789"
    )
    phone = {"frame": on, "errors": (), "form": form, "cancel_url": "/settings/security"}
    check = {
        "frame": on,
        "errors": (),
        "ask": TEXT,
        "number": "+44 7400 123456",
        "region_name": country_name("GB", code),
        "calls_work": True,
        "texts_work": True,
        "is_landline": False,
    }
    codes = {
        "frame": on,
        "errors": (),
        "set_id": "rc1",
        "checking": False,
        "sheet": None,
        "left": 8,
        "total": 10,
        "made_at": NOW - 9 * DAY,
        "saved": True,
        "forced": False,
        "user_name": "alice",
    }
    slow = "Right app, wrong time: your phone's clock is about 4 minutes slow. Turn on automatic date and time on the phone, then enter the next code."
    return {
        "first-setup": ("first_setup.html", {"frame": off, "errors": (), "here_url": "/settings/security/app/new", "sent": ""}),
        "first-setup-sent": ("first_setup.html", {"frame": off, "errors": (), "here_url": "/settings/security/app/new", "sent": "1"}),
        "first-setup-link": ("first_setup_link.html", {"frame": off, "token": "sample", "setup": SetupLink("Firefox on Linux", "203.0.113.0", NOW)}),
        "app-new": ("app_new.html", setup),
        "app-new-clock": ("app_new.html", setup | {"errors": errors("code", slow)}),
        "app-new-second": ("app_new.html", setup | {"first": False, "frame": on}),
        "app-new-replaces": ("app_new.html", setup | {"first": False, "replaces": True, "frame": on}),
        "app-new-expired": ("app_new.html", setup | {"expired": True}),
        "passkey-new": ("passkey_new.html", {"frame": off, "errors": (), "first": True, "cancel_url": "/settings/security"}),
        "passkey-new-refused": ("passkey_new.html", {"frame": on, "errors": errors(None, "That passkey was not accepted. Try again, or use another way to sign in."), "first": False, "cancel_url": "/settings/security"}),
        "spare": ("spare.html", spare),
        "spare-one-done": ("spare.html", spare | {"has_phone": True, "fresh": False}),
        "phone-new": ("phone_new.html", phone),
        "phone-new-wrong": ("phone_new.html", phone | {"form": replace(form, number="01512", texts_work=False, channel=Channel.CALL), "errors": errors("number", "That number is too short.")}),
        "phone-confirm": ("phone_confirm.html", check),
        "phone-confirm-call": ("phone_confirm.html", check | {"ask": CALL}),
        "codes-none": ("codes.html", codes | {"left": None, "made_at": None}),
        "codes-showing": ("codes.html", codes | {"sheet": SHEET}),
        "codes-showing-wrong": ("codes.html", codes | {"sheet": SHEET, "checking": True, "errors": errors("proof", "That is not one of your codes. Check what you saved, then try again.")}),
        "codes-left": ("codes.html", codes),
        "codes-left-unchecked": ("codes.html", codes | {"saved": False}),
        "codes-forced": ("codes.html", codes | {"left": 0, "forced": True}),
    }  # fmt: skip


def _settings(code: str) -> dict[str, State]:
    on, off = frame(code, stage=2), frame(code, stage=2, two_step=False)
    saved = frame(
        code,
        stage=2,
        flash=flash_notice("phone_added:42", code, URL),
        banner=StatusBox(
            "warn",
            "You have not checked that you saved your backup codes.",
            Link("/settings/security/codes", "Check now"),
        ),
    )
    start = {
        "frame": on,
        "check_up": checks(Safety.GOOD, MethodKind.PASSKEY, MethodKind.PASSKEY),
        "home_url": None,
        "delivery_url": None,
        "previous": ACTIVITY[2],
        "session": SESSIONS[0],
        "activity": ACTIVITY[:3],
    }
    rows = {
        "frame": on,
        "methods": 3,
        "language_name": language(code).endonym,
        "emails": 2,
        "sessions": 2,
    }
    safe = {
        "frame": saved,
        "errors": (),
        "methods": METHODS,
        "check_up": checks(Safety.GOOD, MethodKind.CODES, MethodKind.CODES),
        "phones_on": True,
        "app_full": False,
        "phone_full": False,
        "passkey_full": False,
        "signal": '{"rpId":"panel.example.org"}',
        "required": False,
        "browsers": (
            BrowserRow(
                "b1",
                "Firefox on Linux",
                NOW + 30 * DAY,
                NOW - HOUR,
                network="203.0.113.7",
                is_this=True,
            ),
        ),
        "known_browsers": (
            KnownBrowserRow("k1", "Firefox on Linux", NOW - HOUR, is_this=True),
            KnownBrowserRow("k2", "Safari on iPhone", NOW - 40 * DAY),
        ),
        "sessions": 3,
        "activity": ACTIVITY,
    }
    mails = {
        "frame": on,
        "errors": (),
        "emails": (
            EmailRow("e1", "alice@example.com", verified=True, is_removable=False),
            EmailRow(
                "e2", "alice.with.a.rather.long.address@mail.department.example.org", verified=False
            ),
        ),
        "email": "",
        "full": False,
    }
    return {
        "dashboard": ("dashboard.html", start),
        "dashboard-off": ("dashboard.html", start | {"frame": off, "check_up": checks(Safety.OFF, MethodKind.APP, *MethodKind), "home_url": "https://panel.example.org", "delivery_url": "/admin/delivery", "previous": None, "activity": ()}),
        "settings": ("settings.html", rows),
        "security-lost-phone": ("security.html", safe | {"frame": frame(code, stage=2, flash=flash_notice("app_beside:a1", code, URL))}),
        "settings-off": ("settings.html", rows | {"frame": off}),
        "profile": ("profile.html", {"frame": on, "errors": (), **time_zones(code), "chosen_language": code, "chosen_zone": "Europe/Paris", "zone_is_set": True}),
        "emails": ("emails.html", mails),
        "emails-wrong": ("emails.html", mails | {"email": "alice@", "errors": errors("email", "Enter an e-mail address like name@example.com.")}),
        "email-confirm": ("email_confirm.html", {"frame": on, "token": "t", "address": "alice@example.net"}),
        "password": ("password.html", {"frame": on, "errors": errors("new_password", "Use at least 15 characters."), "minimum": 15, "user_name": "alice"}),
        "lost-phone": ("lost_phone.html", {"frame": on, "left": 7, "next": "/"}),
        "lost-phone-old": ("lost_phone_old.html", {"frame": on, "new": "ap2", "methods": (METHODS[0], METHODS[3])}),
        "security": ("security.html", safe),
        "security-moved": ("security.html", safe | {"methods": tuple(replace(row, elsewhere="panel.example.com") if row.kind == "passkey" else row for row in METHODS)}),
        "security-best": ("security.html", safe | {"check_up": checks(Safety.BEST, None)}),
        "security-one": ("security.html", safe | {"frame": on, "methods": METHODS[:1], "check_up": checks(Safety.ONE_WAY, MethodKind.CODES, MethodKind.CODES, MethodKind.PHONE, MethodKind.PASSKEY), "browsers": (), "sessions": 1, "required": True}),
        "security-off": ("security.html", safe | {"frame": off, "methods": (), "check_up": checks(Safety.OFF, MethodKind.APP, *MethodKind), "browsers": (), "sessions": 1}),
        "remove-phone": ("remove_method.html", {"frame": on, "errors": (), "method": METHODS[3], "stays": ("1 authenticator app", "8 backup codes"), "last": False}),
        "remove-last": ("remove_method.html", {"frame": on, "errors": (), "method": METHODS[0], "stays": (), "last": True}),
        "remove-passkey": ("remove_method.html", {"frame": on, "errors": (), "method": METHODS[2], "stays": ("1 authenticator app", "8 backup codes"), "last": False}),
        "rename": ("rename_method.html", {"frame": on, "errors": (), "method": METHODS[0], "name": METHODS[0].label, "new": False}),
        "rename-new": ("rename_method.html", {"frame": on, "errors": (), "method": METHODS[0], "name": "Chrome on Linux", "new": True}),
        "default": ("default.html", {"frame": on, "errors": (), "method": METHODS[3]}),
        "disable": ("disable.html", {"frame": on, "errors": (), "goes": ("1 authenticator app", "1 backup phone", "8 backup codes"), "new_password": True, "minimum": 15}),
        "sessions": ("sessions.html", {"frame": on, "sessions": SESSIONS, "offered": True}),
        "codes-check": ("codes_check.html", {"frame": on, "left": 8, "total": 10, "checked_at": NOW - 200 * DAY, "next": "/settings"}),
        "not-me-event": ("not_me.html", {"frame": on, "action": "/settings/activity/9/not-me", "sentence": "A backup phone was added.", "undone": ("remove the phone number that was added",), "kept": False, "may_recover": False}),
        "activity": ("activity.html", {"frame": on, "activity": ACTIVITY, "only": "", "filters": activity_filters(language=code), "older_url": "/settings/activity?before=9", "newer_url": None}),
    }  # fmt: skip


def _rest(code: str) -> dict[str, State]:
    out = frame(code)
    secured = {
        "frame": out,
        "title": "Your account is secured",
        "kind": "ok",
        "sentences": (
            "Every device was signed out, and your password no longer works.",
            "We have sent a link for a new password to your e-mail addresses.",
        ),
        "link": Link("/help", "Help"),
    }
    broken = {
        "frame": out,
        "reference": "",
        "retry_at": None,
        "again_url": "/sign-in",
        "unsure": False,
    }
    pages: dict[str, State] = {
        "help": ("help.html", {"frame": out, "phones_on": True}),
        "privacy": ("privacy.html", {"frame": out, "phones_on": True, "history_months": 12}),
        "message": ("message.html", secured),
    }  # fmt: skip
    pages |= {name: ("delivery_health.html", context) for name, context in delivery_states(code)}
    for status in (400, 403, 404, 405, 413, 421, 503):
        pages[f"error-{status}"] = ("error.html", broken | {"status": status, "retry_at": NOW + 30})
    pages["error-503-unsure"] = ("error.html", broken | {"status": 503, "unsure": True})
    pages["error-500"] = ("error.html", broken | {"status": 500, "reference": "7F3K-92QD"})
    return pages
