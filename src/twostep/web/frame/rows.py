"""Ways to sign in, sessions and events as rows of a page, and the warning box on top."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from twostep.core.account import Account
from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import (
    App,
    KnownBrowser,
    MethodKind,
    Methods,
    Passkey,
    Phone,
    RememberedBrowser,
    method_name,
)
from twostep.core.methods.otpauth import account_tag
from twostep.core.sign_in.session import Session
from twostep.flows.account.activity import is_deniable
from twostep.flows.account.acts import AccountAct
from twostep.flows.places import place_of
from twostep.flows.proof.verify_passkey import relying_party
from twostep.i18n import format_instant, known_zone, translator
from twostep.names import browser_name
from twostep.web import view
from twostep.web.visit import Visit
from twostep.web.words import banners
from twostep.web.words.events import act_sentence, activity_sentence, activity_tone


FEW_CODES = 3


def app_label(visit: Visit, app: App) -> str:
    """An app's name, or the day it was added if it has none."""
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
        name=app.name,
        is_default=is_default,
        last_used_at=app.last_used_at,
        used_with=browser_name(app.last_used_browser, visit.language) or None,
    )


def phone_row(phone: Phone, *, is_default: bool = False) -> view.MethodRow:
    """A backup phone; landlines get calls only."""
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
    """A passkey's name, or the day it was added if it has none."""
    if passkey.name:
        return passkey.name
    day = format_instant(
        passkey.created_at, language=visit.language, time_zone=visit.time_zone, style="date"
    )
    return translator(visit.language).gettext("Passkey – added %(day)s") % {"day": day}


def passkey_row(visit: Visit, passkey: Passkey, *, is_default: bool = False) -> view.MethodRow:
    """A passkey."""
    here = relying_party(visit.env).id
    return view.MethodRow(
        passkey.id,
        MethodKind.PASSKEY,
        passkey.created_at,
        label=passkey_label(visit, passkey),
        name=passkey.name,
        is_default=is_default,
        last_used_at=passkey.last_used_at,
        used_with=browser_name(passkey.last_used_browser, visit.language) or None,
        synced=passkey.synced,
        elsewhere="" if passkey.is_bound_to(here) else passkey.rp_id,
        is_changed=passkey.changed_at is not None,
    )


def browser_rows(
    visit: Visit, browsers: Iterable[RememberedBrowser], this_browser: str | None
) -> tuple[view.BrowserRow, ...]:
    """Browsers that skip the code."""
    return tuple(
        view.BrowserRow(
            browser.id,
            browser_name(browser.browser, visit.language),
            browser.expires_at,
            browser.last_used_at,
            network=browser.network,
            is_this=browser.id == this_browser,
        )
        for browser in browsers
    )


def method_rows(visit: Visit, account: Account, methods: Methods) -> tuple[view.MethodRow, ...]:
    """Every way to sign in: apps, passkeys, phones, backup codes."""
    default = methods.default_at(relying_party(visit.env).id, chosen=account.default_method)

    def is_default(kind: MethodKind, method_id: str) -> bool:
        return methods.ways > 1 and default == method_name(kind, method_id)

    rows = [
        app_row(visit, app, is_default=is_default(MethodKind.APP, app.id)) for app in methods.apps
    ]
    rows += [
        passkey_row(visit, passkey, is_default=is_default(MethodKind.PASSKEY, passkey.id))
        for passkey in methods.passkeys
    ]
    rows += [
        phone_row(phone, is_default=is_default(MethodKind.PHONE, phone.id))
        for phone in methods.phones
    ]
    sheet = methods.recovery_set
    if sheet is not None:
        rows.append(
            view.MethodRow(
                sheet.id,
                MethodKind.CODES,
                sheet.created_at,
                codes_left=methods.codes_left,
                codes_total=len(methods.codes),
                saved=sheet.proved_at is not None,
            )
        )
    return tuple(rows)


def known_browser_rows(
    visit: Visit, browsers: Iterable[KnownBrowser]
) -> tuple[view.KnownBrowserRow, ...]:
    """Browsers that have signed in before."""
    return tuple(
        view.KnownBrowserRow(
            browser.id,
            browser_name(browser.browser, visit.language),
            browser.seen_at,
            is_this=browser.id == visit.current.browser_id,
        )
        for browser in browsers
    )


def method_names(visit: Visit, methods: Methods, *, besides: str = "") -> tuple[str, ...]:
    """The names of all ways to sign in, except the one with the id `besides`."""
    words = translator(visit.language)
    names = [app_label(visit, app) for app in methods.apps if app.id != besides]
    names += [
        words.gettext("Passkey “%(name)s”") % {"name": passkey.name}
        if passkey.name
        else passkey_label(visit, passkey)
        for passkey in methods.passkeys
        if passkey.id != besides
    ]
    names += [
        words.gettext("Phone number ending %(digits)s") % {"digits": phone.hint}
        for phone in methods.phones
        if phone.id != besides
    ]
    if methods.codes_left:
        names.append(count_of_codes(visit, methods.codes_left))
    return tuple(names)


def count_of_codes(visit: Visit, left: int) -> str:
    """The number of backup codes, as a phrase."""
    words = translator(visit.language)
    return words.ngettext("%(left)s backup code", "%(left)s backup codes", left) % {"left": left}


def session_rows(visit: Visit, sessions: Iterable[Session]) -> tuple[view.SessionRow, ...]:
    """Where the account is signed in."""
    return tuple(
        view.SessionRow(
            session.id,
            browser_name(session.browser, visit.language),
            session.network,
            visit.now if session.id == visit.current.id else session.seen_at,
            session.created_at,
            is_this=session.id == visit.current.id,
            place=place_of(visit.env.settings, session.network, visit.language),
        )
        for session in sessions
    )


def act_rows(visit: Visit, acts: Sequence[AccountAct]) -> tuple[view.ActivityRow, ...]:
    """What somebody did, in sentences, under the days on which it was."""
    days = [day_name(visit, act.event.at) for act in acts]
    return tuple(
        view.ActivityRow(
            act.event.at,
            act_sentence(act, language=visit.language),
            browser_name(act.event.browser, visit.language) or None,
            act.event.network or None,
            place=place_of(visit.env.settings, act.event.network, visit.language),
            tone=activity_tone(act.event.event, act.event.outcome),
            not_me_url=_not_me_url(visit, act),
            day="" if place and days[place - 1] == days[place] else days[place],
            details=_details(visit, act) if len(act.events) > 1 else (),
        )
        for place, act in enumerate(acts)
    )


def day_name(visit: Visit, at: int) -> str:
    """Today and yesterday by name, otherwise the date."""
    zone = ZoneInfo(known_zone(visit.time_zone))
    ago = datetime.fromtimestamp(visit.now, zone).date() - datetime.fromtimestamp(at, zone).date()
    words = translator(visit.language)
    if 0 <= ago.days <= 1:
        return words.gettext("Yesterday") if ago.days else words.gettext("Today")
    return format_instant(at, language=visit.language, time_zone=visit.time_zone, style="date")


def _not_me_url(visit: Visit, act: AccountAct) -> str | None:
    """Where the act can be denied: by the event that names it, or the newest that can be undone."""
    for entry in (act.event, *act.events):
        if is_deniable(entry, now=visit.now):
            return visit.url("recovery.not_me_event", id=str(entry.seq))
    return None


def _details(visit: Visit, act: AccountAct) -> tuple[tuple[int, str], ...]:
    return tuple(
        (entry.at, activity_sentence(entry.event, entry.data, language=visit.language))
        for entry in act.events
    )


def banner(visit: Visit, methods: Methods) -> view.StatusBox | None:
    """The warning shown until its cause is gone: only one way in, few codes, codes never checked."""
    if not visit.owner.two_step:
        return None
    if methods.ways < 2:
        return banners.no_spare(visit)
    return codes_banner(visit, methods)


def codes_banner(visit: Visit, methods: Methods) -> view.StatusBox | None:
    """The warning about backup codes only."""
    if methods.recovery_set is None:
        return None
    if methods.codes_left <= FEW_CODES:
        return banners.codes_low(visit, methods.codes_left)
    if methods.recovery_set.proved_at is None:
        return banners.codes_unproved(visit)
    return None


def file_name(visit: Visit, what: str, at: int, ending: str) -> str:
    """A name for a downloaded file: `panel-what-user-2026-11-24.txt`, in plain ASCII."""
    day = datetime.fromtimestamp(at, ZoneInfo(known_zone(visit.time_zone))).date().isoformat()
    panel = _plain(visit.env.settings.panel_name) or "sign-in"
    # Names that lose letters here may be alike, and the second file would replace the first.
    plain = _plain(visit.owner.name)
    is_whole = plain == visit.owner.name.lower()
    user = plain if is_whole else f"{plain or 'user'}-{account_tag(visit.owner.id).lower()}"
    return f"{panel}-{what}-{user}-{day}.{ending}"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
