"""Render a template with its context, in the reader's language and time zone.

One Jinja2 environment per language, built once; every value is escaped unless it is `Markup`. A
missing context variable is an error, never blank.

Filters, in the reader's language and time zone:

    |instant      24 Nov 2026, 09:12     a `<time>` element, the zone in its title
    |day          24 Nov 2026            the same without the time
    |weekday      Tue 1 Dec, 09:00       for what lies ahead
    |clock_time   14:32                  followed by the zone if it is UTC
    |exact_time   14:05:20               for comparing two clocks
    |recently     today 09:12            today and yesterday by name, otherwise like |day
    |browser      Firefox on Linux       as the reader's language puts it
    |duration     8 minutes              a span, rounded up as a person would say it
    |groups       JBSW Y3DP ...          a set-up key in groups of four
    |ltr          isolates a code, address or number in right-to-left text
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from twostep.i18n import format_duration, format_instant, format_time, known_zone, translator
from twostep.names import browser_name
from twostep.web.visit import PathFor


# Longer ones ("Zwei-Schritt-Anmeldung") would not fit on a narrow screen.
_SHORT_HYPHENATED = re.compile(r"\b(?=[\w-]{3,9}\b(?!-))(\w+-\w+)\b")


# Formatting by % takes a sixth of the time of str.format here, and pages do it dozens of times.
_TIME = Markup('<time datetime="%s" title="%s">%s</time>')
_LTR = Markup('<bdi dir="ltr">%s</bdi>')


def render(template: str, *, language: str, time_zone: str, url: PathFor, **context: Any) -> str:
    """Return the page. `template`: a file name in `web/templates`, such as `sign_in.html`.

    `time_zone`: an IANA name; with an unknown one, times are shown in UTC and say so. `url`: the path
    of a page by its name; it differs per application, so it cannot be part of the environment.
    """
    page = environment(language).get_template(template)

    # Plain functions: pages call them dozens of times, and Jinja takes twice as long for methods.
    def path_for(name: str, /, **parts: str) -> str:
        return url(name, **parts)

    def static(name: str) -> str:
        return static_url(url, name)

    return page.render(time_zone=known_zone(time_zone), url=path_for, static=static, **context)


@cache
def environment(language: str) -> Environment:
    """Return the environment for `language`."""
    env = Environment(
        loader=PackageLoader("twostep.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    env.policies["ext.i18n.trimmed"] = True
    words = translator(language)
    # The i18n extension adds this method to the environment; the type stubs lack it.
    env.install_gettext_callables(  # type: ignore[attr-defined]
        words.gettext, words.ngettext, newstyle=True, pgettext=words.pgettext
    )
    env.globals.update(lang=language)
    env.filters.update(
        instant=_instant,
        day=_day,
        clock_time=_clock_time,
        exact_time=_exact_time,
        recently=_recently,
        weekday=_weekday,
        duration=_duration,
        browser=_browser,
        groups=groups,
        ltr=ltr,
        unbroken=unbroken,
    )
    return env


def static_url(url: PathFor, name: str) -> str:
    """The URL of a file in `web/static`, with a digest of its content, so it can be cached forever."""
    return f"{url('static', name=name)}?{_digest(name)}"


@cache
def _digest(name: str) -> str:
    content = resources.files("twostep.web").joinpath("static", name).read_bytes()
    return sha256(content).hexdigest()[:10]


def groups(key: str, size: int = 4) -> Markup:
    """A key in groups, for reading aloud: a `<span>` each, with spaces between."""
    parts = (key[start : start + size] for start in range(0, len(key), size))
    return Markup(" ").join(Markup("<span>{}</span>").format(part) for part in parts)


def unbroken(text: str) -> Markup:
    """A heading whose short words with a hyphen, "two-step", stay on one line."""
    pieces = _SHORT_HYPHENATED.split(escape(text).unescape())
    whole = Markup('<span class="mask">{}</span>')
    return Markup("").join(
        whole.format(piece) if place % 2 else piece for place, piece in enumerate(pieces)
    )


def ltr(text: str) -> Markup:
    """Keep the order of a code, number or address in right-to-left text."""
    return _LTR % text


def _zone(context: Context) -> str:
    return str(context["time_zone"])


def _language(context: Context) -> str:
    return str(context["lang"])


def _element(context: Context, at: int, words: str) -> Markup:
    title = format_instant(at, language=_language(context), time_zone=_zone(context), style="full")
    return _TIME % (_machine(at), title, words)


def _machine(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def _moment(at: int, time_zone: str) -> datetime:
    return datetime.fromtimestamp(at, ZoneInfo(time_zone))


@pass_context
def _browser(context: Context, browser: str) -> str:
    return browser_name(browser, _language(context))


@pass_context
def _instant(context: Context, at: int) -> Markup:
    words = format_instant(at, language=_language(context), time_zone=_zone(context))
    return _element(context, at, words)


@pass_context
def _day(context: Context, at: int) -> Markup:
    words = format_instant(at, language=_language(context), time_zone=_zone(context), style="date")
    return _element(context, at, words)


@pass_context
def _clock_time(context: Context, at: int) -> Markup:
    return _element(context, at, _hour(context, at))


@pass_context
def _exact_time(context: Context, at: int) -> Markup:
    seconds = _moment(at, _zone(context)).strftime("%H:%M:%S")
    return _element(context, at, f"{seconds} UTC" if _zone(context) == "UTC" else seconds)


@pass_context
def _weekday(context: Context, at: int) -> Markup:
    words = format_instant(
        at, language=_language(context), time_zone=_zone(context), style="weekday"
    )
    return _element(context, at, words)


@pass_context
def _recently(context: Context, at: int) -> Markup:
    zone = _zone(context)
    today = _moment(context["frame"].now, zone).date()
    days_ago = (today - _moment(at, zone).date()).days
    gettext = translator(_language(context)).gettext
    if days_ago == 0:
        words = gettext("today %(time)s") % {"time": _hour(context, at)}
    elif days_ago == 1:
        words = gettext("yesterday %(time)s") % {"time": _hour(context, at)}
    else:
        return _day(context, at)
    return _element(context, at, words)


def _hour(context: Context, at: int) -> str:
    return format_time(at, language=_language(context), time_zone=_zone(context))


@pass_context
def _duration(context: Context, seconds: float) -> str:
    return format_duration(math.ceil(seconds), _language(context))
