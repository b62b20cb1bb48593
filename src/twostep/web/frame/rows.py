"""Ways to sign in, sessions and events as the rows of a page, and the box that warns on top."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from twostep.core.account import Account
from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import (
    App,
    MethodKind,
    Methods,
    Passkey,
    Phone,
    RememberedBrowser,
    method_name,
)
from twostep.core.sign_in.session import Session
from twostep.flows.account.activity import Activity, is_deniable
from twostep.flows.places import place_of
from twostep.i18n import format_instant, known_zone, translator
from twostep.web import view
from twostep.web.visit import Visit
from twostep.web.words import banners as notice_text
from twostep.web.words.events import activity_sentence, activity_tone


FEW_CODES = 3


def app_label(visit: Visit, app: App) -> str:
    """An app's name; the day it was added where its owner gave none."""
    if app.name:
        return app.name
    day = format_instant(
        app.created_at, language=visit.language, time_zone=visit.time_zone, style="date"
    )
    words = translator(visit.language)
    return words.gettext("Authenticator app – added %(day)s") % {"day": day}


def app_row(visit: Visit, app: App, *, is_default: bool = False) -> view.MethodRow:
    """An authenticator app."""
    return view.MethodRow(
        app.id,
        MethodKind.APP,
        app.created_at,
        label=app_label(visit, app),
        is_default=is_default,
        last_used_at=app.last_used_at,
        used_with=app.last_used_browser or None,
    )


def phone_row(phone: Phone, *, is_default: bool = False) -> view.MethodRow:
    """A backup phone; a landline is only called."""
    return view.MethodRow(
        phone.id,
        MethodKind.PHONE,
        phone.confirmed_at or phone.created_at,
        hint=phone.hint,
        channel=Channel.CALL if phone.line == "fixed" else Channel.SMS,
        is_default=is_default,
        last_used_at=phone.last_used_at,
    )


def passkey_label(visit: Visit, passkey: Passkey) -> str:
    """A passkey's name; the day it was added where it has none."""
    if passkey.name:
        return passkey.name
    day = format_instant(
        passkey.created_at, language=visit.language, time_zone=visit.time_zone, style="date"
    )
    return translator(visit.language).gettext("Passkey – added %(day)s") % {"day": day}


def passkey_row(visit: Visit, passkey: Passkey, *, is_default: bool = False) -> view.MethodRow:
    """A passkey."""
    return view.MethodRow(
        passkey.id,
        MethodKind.PASSKEY,
        passkey.created_at,
        label=passkey_label(visit, passkey),
        is_default=is_default,
        last_used_at=passkey.last_used_at,
        used_with=passkey.last_used_browser or None,
        synced=passkey.synced,
    )


def browser_rows(
    browsers: Iterable[RememberedBrowser], this_browser: str | None
) -> tuple[view.BrowserRow, ...]:
    """Browsers that skip the code."""
    return tuple(
        view.BrowserRow(
            one.id,
            one.browser,
            one.expires_at,
            one.last_used_at,
            network=one.network,
            is_this=one.id == this_browser,
        )
        for one in browsers
    )


def method_rows(visit: Visit, account: Account, methods: Methods) -> tuple[view.MethodRow, ...]:
    """Every way to sign in: apps, passkeys, phones, backup codes. The first is asked for by default."""
    first = account.default_method
    if first is None and methods.apps:
        first = method_name(MethodKind.APP, methods.apps[0].id)
    elif first is None and methods.passkeys:
        first = method_name(MethodKind.PASSKEY, methods.passkeys[0].id)

    def leads(kind: MethodKind, method_id: str) -> bool:
        return methods.ways > 1 and first == method_name(kind, method_id)

    rows = [app_row(visit, app, is_default=leads(MethodKind.APP, app.id)) for app in methods.apps]
    rows += [
        passkey_row(visit, one, is_default=leads(MethodKind.PASSKEY, one.id))
        for one in methods.passkeys
    ]
    rows += [
        phone_row(phone, is_default=leads(MethodKind.PHONE, phone.id)) for phone in methods.phones
    ]
    own = methods.recovery_set
    if own is not None:
        rows.append(
            view.MethodRow(
                own.id,
                MethodKind.CODES,
                own.created_at,
                codes_left=methods.codes_left,
                codes_total=len(methods.codes),
                saved=own.proved_at is not None,
            )
        )
    return tuple(rows)


def method_names(visit: Visit, methods: Methods, *, besides: str = "") -> tuple[str, ...]:
    """Every way to sign in in words, but the one with that id."""
    words = translator(visit.language)
    named = [app_label(visit, app) for app in methods.apps if app.id != besides]
    named += [
        words.gettext("Passkey “%(name)s”") % {"name": one.name}
        if one.name
        else passkey_label(visit, one)
        for one in methods.passkeys
        if one.id != besides
    ]
    named += [
        words.gettext("Phone number ending %(digits)s") % {"digits": phone.hint}
        for phone in methods.phones
        if phone.id != besides
    ]
    if methods.codes_left:
        named.append(count_of_codes(visit, methods.codes_left))
    return tuple(named)


def count_of_codes(visit: Visit, left: int) -> str:
    """How many backup codes, in words."""
    words = translator(visit.language)
    return words.ngettext("%(left)s backup code", "%(left)s backup codes", left) % {"left": left}


def session_rows(visit: Visit, sessions: Iterable[Session]) -> tuple[view.SessionRow, ...]:
    """Where the account is signed in."""
    return tuple(
        view.SessionRow(
            one.id,
            one.browser,
            one.network,
            visit.now if one.id == visit.current.id else one.seen_at,
            one.created_at,
            is_this=one.id == visit.current.id,
            place=place_of(visit.env.settings, one.network, visit.language),
        )
        for one in sessions
    )


def activity_rows(visit: Visit, activity: Sequence[Activity]) -> tuple[view.ActivityRow, ...]:
    """What happened, in sentences."""
    return tuple(
        view.ActivityRow(
            one.at,
            activity_sentence(one.event, one.data, language=visit.language),
            one.browser or None,
            one.network or None,
            place=place_of(visit.env.settings, one.network, visit.language),
            tone=activity_tone(one.event, one.outcome),
            not_me_url=visit.url("recovery.not_me_event", id=str(one.seq))
            if is_deniable(one, now=visit.now)
            else None,
        )
        for one in activity
    )


def banner(visit: Visit, methods: Methods) -> view.StatusBox | None:
    """What stays on top until its cause is gone: one way in, few codes, codes never checked."""
    if not visit.owner.two_step:
        return None
    if methods.ways < 2:
        return notice_text.no_spare(visit)
    return codes_banner(visit, methods)


def codes_banner(visit: Visit, methods: Methods) -> view.StatusBox | None:
    """The part of the banner that is about backup codes."""
    if methods.recovery_set is None:
        return None
    if methods.codes_left <= FEW_CODES:
        return notice_text.codes_low(visit, methods.codes_left)
    if methods.recovery_set.proved_at is None:
        return notice_text.codes_unproved(visit)
    return None


def file_name(visit: Visit, what: str, at: int, ending: str) -> str:
    """The name of a file for saving: `panel-what-user-2026-11-24.txt`, in plain ASCII."""
    day = datetime.fromtimestamp(at, ZoneInfo(known_zone(visit.time_zone))).date().isoformat()
    panel = _plain(visit.env.settings.panel_name) or "sign-in"
    user = _plain(visit.owner.name) or "account"
    return f"{panel}-{what}-{user}-{day}.{ending}"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
