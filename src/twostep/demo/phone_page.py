"""The fake phone as a page: which screen is open, and what it shows."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from urllib.parse import urlencode

import phonenumbers
from jinja2 import ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup, escape
from starlette.responses import Response

from twostep.delivery.console import Received
from twostep.delivery.message import CallMessage, MailMessage, TextMessage
from twostep.delivery.spoken import Step
from twostep.demo.apps import PhoneApps
from twostep.demo.asked import PHONE
from twostep.demo.calls import RING_SECONDS, Calls, CallState, Heard, captions
from twostep.demo.company import CHANNELS, OUTCOMES
from twostep.demo.parts import Demo
from twostep.demo.people import PEOPLE
from twostep.i18n import N_, format_time, known_zone, translator
from twostep.web.frame.frame import frame
from twostep.web.frame.render import environment, static_url
from twostep.web.visit import Visit


TABS = ("texts", "calls", "mail", "apps")
NO_KEY = N_(
    "That is not a setup key. A key has letters A to Z and digits 2 to 7; on our pages, 32 of them."
)
NOTHING_TO_SCAN = N_(
    "There is no QR code to scan. Open the panel's setup page first: Settings, then Enable."
)
_LINK = re.compile(r"https?://[^\s<>]*[^\s<>.,;:!?)]")
_STEPS_SECONDS = (30, 300, 3600, 86_400)


@dataclass(frozen=True, slots=True)
class PhoneText:
    """A text message; in `words` the code is marked."""

    id: str
    to: str
    words: Markup
    code: str
    at: int


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call. `heard`: what was said and pressed, or what voicemail recorded."""

    id: str
    to: str
    at: int
    state: CallState
    heard: tuple[Heard, ...]
    rings_until: int


@dataclass(frozen=True, slots=True)
class MailRow:
    """A mail; in `words` addresses are links."""

    id: str
    to: str
    subject: str
    words: Markup
    at: int


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An account in the authenticator. `code_until`: by the panel's clock, not the phone's."""

    id: str
    issuer: str
    account: str
    code: str
    code_until: int
    period_seconds: int


async def show_phone(
    demo: Demo, visit: Visit, *, tab: str = "", error: str = "", typed: str = ""
) -> Response:
    """GET /_demo/phone, and the response if the authenticator did not accept an entry."""
    tab = tab or visit.query.get("show", "")
    tab = tab if tab in TABS else TABS[0]
    open_id = visit.query.get("id", "") if tab in {"calls", "mail"} else ""
    query = {"show": tab, **({"id": open_id} if open_id else {})}
    template = demo_environment(visit.language).get_template("phone.html")
    html = template.render(
        url=visit.url,
        static=partial(static_url, visit.url),
        frame=frame(visit),
        time_zone=known_zone(visit.time_zone),
        home_url=demo.env.site_url,
        here=f"{visit.url(PHONE)}?{urlencode(query)}",
        tab=tab,
        people=PEOPLE,
        error=translator(visit.language).gettext(error) if error else "",
        typed=typed,
        phone_time=format_time(
            demo.apps.now(demo.clock()), language=visit.language, time_zone=visit.time_zone
        ),
        **_screen(demo, open_id=open_id),
        **_controls(demo),
    )
    # Not an HTMLResponse: the door would think that it showed the session's flash.
    headers = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
    return Response(html, 422 if error else 200, headers=headers)


async def show_mail(demo: Demo, visit: Visit) -> Response:
    """GET /_demo/mail/{id}: the mail as a mail program shows it, with nothing fetched and no script."""
    mails = (received.message for received in demo.inbox.received)
    mail = next((mail for mail in mails if mail.id == visit.params["id"]), None)
    if not isinstance(mail, MailMessage):
        return Response("", 404)
    logo = f"data:image/png;base64,{b64encode(mail.logo or b'').decode()}"
    headers = {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    }
    return Response(mail.html.replace("cid:logo", logo), headers=headers)


def _screen(demo: Demo, *, open_id: str) -> dict[str, Any]:
    """The content of the phone's screen."""
    now = demo.clock()
    received = list(demo.inbox.received)
    calls = [call for item in received if (call := _call_row(item, demo.calls, now=now))]
    mails = [mail for item in received if (mail := _mail_row(item))]
    return {
        "now": now,
        "texts": [text for item in received if (text := _text_row(item))],
        "calls": calls,
        "mails": mails,
        "call": next((call for call in calls if call.id == open_id), None),
        "mail": next((mail for mail in mails if mail.id == open_id), None),
        "ringing": next((call for call in calls if call.state is CallState.RINGING), None),
        "entries": _entry_rows(demo.apps, now=now),
        "apps": demo.apps,
    }


def _controls(demo: Demo) -> dict[str, Any]:
    """The controls beside the phone."""
    return {
        "offset_seconds": demo.clock.offset_seconds,
        "steps_seconds": _STEPS_SECONDS,
        "outcomes": [(str(channel), demo.company.outcomes[channel]) for channel in CHANNELS],
        "outcome_names": OUTCOMES,
    }


@cache
def demo_environment(language: str) -> Environment:
    """The panel's environment, with the demo's templates in front."""
    panel = environment(language)
    loaders = [
        PackageLoader("twostep.demo", "templates"),
        PackageLoader("twostep.web", "templates"),
    ]
    demo = panel.overlay(loader=ChoiceLoader(loaders))
    demo.filters = {**panel.filters, "number": write_number}
    return demo


def write_number(e164: str) -> str:
    """A number in international format: +1 202-555-0100."""
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    international = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return str(phonenumbers.format_number(parsed, international))


def mark_code(text: str, code: str) -> Markup:
    """Mark the first occurrence of the code."""
    before, match, after = text.partition(code)
    return escape(before) + (Markup("<mark>{}</mark>").format(match) if match else "") + after


def mark_links(text: str) -> Markup:
    """Turn addresses into links that open in a new tab."""
    marked, end = Markup(), 0
    for match in _LINK.finditer(text):
        link = Markup('<a href="{}" target="_blank" rel="noopener">{}</a>')
        marked += escape(text[end : match.start()]) + link.format(match.group(), match.group())
        end = match.end()
    return marked + escape(text[end:])


def _text_row(received: Received) -> PhoneText | None:
    message = received.message
    if not isinstance(message, TextMessage):
        return None
    words = mark_code(message.text, message.code)
    return PhoneText(message.id, message.to, words, message.code, received.at)


def _call_row(received: Received, calls: Calls, *, now: int) -> CallRow | None:
    message = received.message
    if not isinstance(message, CallMessage):
        return None
    state = calls.state(received, now=now)
    heard: tuple[Heard, ...] = ()
    if (call := calls.find(message.id)) is not None:
        heard = tuple(call.heard)
    elif state is CallState.MISSED:
        recorded = captions(message.script, Step.INTRODUCE)
        heard = tuple(Heard("voice", words) for words in recorded)
    rings_until = received.at + RING_SECONDS
    return CallRow(message.id, message.to, received.at, state, heard, rings_until)


def _mail_row(received: Received) -> MailRow | None:
    message = received.message
    if not isinstance(message, MailMessage):
        return None
    words = mark_links(message.text)
    return MailRow(message.id, message.to, message.subject, words, received.at)


def _entry_rows(apps: PhoneApps, *, now: int) -> list[EntryRow]:
    phone_now = apps.now(now)
    return [
        EntryRow(
            id=entry.id,
            issuer=entry.issuer,
            account=entry.account,
            code=entry.code(now=phone_now),
            code_until=now + entry.seconds_left(now=phone_now),
            period_seconds=entry.parameters.period_seconds,
        )
        for entry in apps.entries
    ]
