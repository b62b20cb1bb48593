"""Sample people, phones and events for the pictures of every page."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import segno
from markupsafe import Markup
from starlette.responses import Response

from twostep import names
from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import MethodKind
from twostep.core.methods.phone_number import example_national
from twostep.core.methods.phone_number import regions as phone_regions
from twostep.i18n import LANGUAGES, language
from twostep.names import country_name, sort_key
from twostep.web.route_table import RouteTable
from twostep.web.routes import PAGES
from twostep.web.view import (
    AccountMenu,
    ActivityRow,
    CodeAsk,
    CodeSheet,
    DeliveryLine,
    FieldError,
    Frame,
    LanguageChoice,
    MethodRow,
    RegionRow,
    SessionRow,
    Support,
    WayRow,
)


NOW = 1_795_508_100  # 24 November 2026
MINUTE, HOUR, DAY = 60, 3600, 86_400
URL = RouteTable(PAGES, Response()).path_for
LABEL = "Harbour Hosting (alice)"
KEY = "JBSWY3DPEHPK3PXPKRUGKIDROVUWG2ZA"
URI = f"otpauth://totp/Harbour%20Hosting:alice?secret={KEY}&issuer=Harbour%20Hosting&algorithm=SHA1&digits=6&period=30"
CODES = [
    "K7QM2-XPD9R-TC4HW",
    "3FZ8N-W6VKA-91YJT",
    "H5RBE-2MQ7C-XD0PG",
    "8TNYS-KA4VW-6Z3FQ",
    "C9JHM-PD5X1-R7EBT",
    "W2GVK-Q8N6Y-4SZAF",
    "5XPCR-T0MJD-H9W3E",
    "N6YKA-7BQFZ-V2CGS",
    "D4TEW-9HRXM-K5NPJ",
    "Y1ZSV-G3C8A-QW7BT",
]


def frame(code: str, *, stage: int = 0, two_step: bool = True, **changes: Any) -> Frame:
    """The frame around a sample page. `stage` 2 is signed in."""
    choices = tuple(
        LanguageChoice(language.code, language.endonym, language.direction)
        for language in LANGUAGES
    )
    return Frame(
        panel_name="Harbour Hosting",
        public_host="panel.example.org",
        language=code,
        direction=language(code).direction,
        languages=choices,
        full_path="/sign-in",
        now=NOW,
        support=Support("help@example.org", "+44 20 7946 0000", "Mon–Fri 8–18", NOW + 9 * HOUR),
        stage=stage,
        account=AccountMenu("alice", two_step) if stage == 2 else None,
        idle_seconds=1800 if stage == 2 else None,
        **changes,
    )


WAYS = (
    WayRow("ph1", MethodKind.PHONE, Channel.SMS, hint="42"),
    WayRow("ph1", MethodKind.PHONE, Channel.CALL, hint="42"),
    WayRow("rc1", MethodKind.CODES, codes_left=8),
)
DOWN = (
    replace(WAYS[0], trouble="Texts are not working right now. Use another way."),
    *WAYS[1:],
)
APP_WAY = WayRow("ap1", MethodKind.APP, label="Authenticator app – added 24 Nov 2026")
KEYS = (("pk1", "iCloud Keychain"), ("pk2", "YubiKey 5"))
PASSKEY_WAY = WayRow("pk1", MethodKind.PASSKEY, label=KEYS[0][1], entries=KEYS)
PASSKEY = CodeAsk("passkey", entries=KEYS)
APP = CodeAsk("app", entries=(("ap1", "Phone"),))
TEXT = CodeAsk(
    Channel.SMS,
    method_id="ph1",
    hint="42",
    valid_until=NOW + 10 * MINUTE,
    delivery=DeliveryLine("accepted", "Accepted by the network 14:05."),
    can_send_at=NOW + 27,
)
CALL = replace(
    TEXT,
    kind=Channel.CALL,
    delivery=DeliveryLine("failed", "Nobody answered. Try again, or use another way."),
    can_send_at=NOW - 5,
)
METHODS = (
    MethodRow(
        "ap1",
        MethodKind.APP,
        NOW - 30 * DAY,
        label="Authenticator app – added 24 Oct 2026",
        last_used_at=NOW - 3 * HOUR,
        used_with="Firefox on Linux",
    ),
    MethodRow(
        "ap2",
        MethodKind.APP,
        NOW - DAY,
        label="Tablet in the kitchen drawer, second floor",
        name="Tablet in the kitchen drawer, second floor",
    ),
    MethodRow(
        "pk1",
        MethodKind.PASSKEY,
        NOW - 8 * DAY,
        label="iCloud Keychain",
        name="iCloud Keychain",
        is_default=True,
        last_used_at=NOW - HOUR,
        used_with="Safari on iPhone",
        synced=True,
    ),
    MethodRow(
        "ph1",
        MethodKind.PHONE,
        NOW - 9 * DAY,
        hint="42",
        channel=Channel.SMS,
        last_used_at=NOW - DAY,
    ),
    MethodRow("rc1", MethodKind.CODES, NOW - 9 * DAY, codes_left=8, codes_total=10, saved=False),
)
SESSIONS = (
    SessionRow("s1", "Firefox on Linux", "203.0.113.7", NOW, NOW - HOUR, is_this=True),
    SessionRow("s2", "Safari on iPhone", "198.51.100.23", NOW - 2 * HOUR, NOW - 9 * HOUR),
    SessionRow("s3", "Chrome on Windows", "2001:db8:4a::/64", NOW - 90, NOW - 120, half=True),
)
ACTIVITY = (
    ActivityRow(
        NOW - HOUR,
        "Signed in with a backup code",
        "Firefox on Linux",
        "203.0.113.7",
        place="Berlin, Germany",
        tone="ok",
        not_me_url="/help",
        day="Today",
        details=(
            (NOW - HOUR, "You signed in."),
            (NOW - HOUR, "A browser was used for the first time."),
            (NOW - HOUR, "A backup code was used; 9 left."),
            (NOW - HOUR - 20, "The correct password was entered."),
        ),
    ),
    ActivityRow(
        NOW - 2 * HOUR,
        "A wrong code was entered. (5 times)",
        "Chrome on Windows",
        "198.51.100.9",
        tone="warn",
        not_me_url="/help",
    ),
    ActivityRow(
        NOW - DAY, "A backup phone was added.", "Firefox on Linux", "203.0.113.7", day="Yesterday"
    ),
    ActivityRow(
        NOW - 9 * DAY,
        "Backup codes were created.",
        "Firefox on Linux",
        "203.0.113.7",
        day="15 Nov 2026",
    ),
    ActivityRow(
        NOW - 30 * DAY,
        "Two-step sign-in was turned on.",
        "Firefox on Linux",
        "203.0.113.7",
        tone="ok",
        day="25 Oct 2026",
    ),
)
SHEET = CodeSheet(
    tuple(CODES),
    "https://panel.example.org",
    NOW,
    NOW + 10 * MINUTE,
    "data:text/plain;charset=utf-8," + quote("\n".join(CODES)),
    "harbour-hosting-backup-codes-alice-2026-11-24.txt",
)


def qr() -> Markup:
    """The sample address as inline SVG."""
    out = io.BytesIO()
    segno.make(URI, error="m", micro=False).save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=False,
        border=4,
        omitsize=True,
        svgclass=None,
        lineclass=None,
        dark="#000",
    )
    return Markup(out.getvalue().decode())


def regions(code: str) -> tuple[RegionRow, ...]:
    """Every region of the numbering plans, by name."""
    lines = (
        RegionRow(
            region.code,
            country_name(region.code, code),
            region.prefix,
            example_national(region.code),
        )
        for region in phone_regions()
    )
    return tuple(sorted(lines, key=lambda line: sort_key(line.name)))


def errors(field: str | None, sentence: str) -> tuple[FieldError, ...]:
    """One thing to put right."""
    return (FieldError(field, sentence),)


def time_zones(code: str) -> dict[str, Any]:
    """The two lists of the profile page, as it makes them."""
    rows = {
        zone: names.describe_zone(zone, code, now=NOW)
        for zone in ("Europe/Paris", "UTC", "America/New_York", "Asia/Kolkata", "Europe/Berlin")
    }
    areas = {names.area_name(zone, code): [rows[zone]] for zone in list(rows)[2:]}
    return {"likely_zones": (rows["Europe/Paris"], rows["UTC"]), "zones": areas}
