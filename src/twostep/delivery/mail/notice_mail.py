"""Writes notices: subject, plain text and simple HTML, in the user's language and time zone.

Every notice has the same order: what happened, when and where; what to do if it was you (nothing);
what to do if it was not (one link); and that we never ask for codes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from twostep.catalogue import Translations
from twostep.core.brand import Shades, shades
from twostep.delivery.mail.notice import Notice, NoticeKind
from twostep.delivery.mail.notice_words import ACTS, COUNTED, NAMELESS, WORDINGS, Wording
from twostep.i18n import Language, format_instant, language, translator
from twostep.names import browser_name


MAX_FIELD = 80
FEW_CODES = 3  # backup codes
_ISOLATE, _END = "\u2068", "\u2069"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends the mail: the panel's name and address, how to reach its help desk, and its looks.

    `has_logo`: the mail carries a picture with the content id `logo`.
    """

    panel: str
    public_url: str
    support_email: str = ""
    support_phone: str = ""
    support_hours: str = ""
    shades: Shades = field(default_factory=shades)
    has_logo: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail's content, ready for `MailMessage`."""

    subject: str
    text: str
    html: str


def render(notice: Notice, *, sender: Sender, language_code: str, time_zone: str) -> Rendered:
    """Write a notice. Times are given in `time_zone` (IANA name), with its name."""
    tongue = language(language_code)
    words = translator(tongue.code)
    wording = WORDINGS[notice.kind]
    values = _values(notice, tongue=tongue, time_zone=time_zone)
    context = {
        "notice": notice,
        "sender": sender,
        "language": tongue,
        "user_name": _tidy(notice.user_name),
        "happened": _happened(notice, wording, words).format(**values),
        "more": _more(notice, wording, words, values),
        "account": _tidy(notice.user_name) if notice.kind is NoticeKind.HELP_REQUEST else None,
        "button": _translated(words, wording.button) if notice.action_link else None,
        "follow": wording.follow,
        "reason": _tidy(notice.reason),
        "when": values["at"],
        "where": _where(notice, tongue),
    }
    topic = words.gettext(wording.subject).format(**values)
    subject = _plain(f"{_tidy(sender.panel)}: {topic}")
    environment = _environment(tongue.code)
    return Rendered(
        subject=subject,
        text=_plain_lines(environment.get_template("notice.txt").render(context)),
        html=environment.get_template("notice.html").render(context, subject=subject),
    )


@cache
def _environment(code: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("twostep.delivery", "templates"),
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.install_gettext_translations(  # type: ignore[attr-defined]  # the extension adds it
        translator(code), newstyle=True
    )
    return environment


def _values(notice: Notice, *, tongue: Language, time_zone: str) -> dict[str, str | int]:
    def written(at: int) -> str:
        return format_instant(at, language=tongue.code, time_zone=time_zone, style="full")

    name_of = _browser if notice.kind is NoticeKind.BROWSER_COPIED else _isolate
    return {
        "at": written(notice.at),
        "until": written(notice.until_at) if notice.until_at is not None else "",
        "method": name_of(notice.method, tongue),
        "hint": notice.hint[-2:],
        "address": _isolate(notice.address, tongue),
        "count": notice.count,
    }


def _happened(notice: Notice, wording: Wording, words: Translations) -> str:
    if notice.kind in COUNTED:
        return COUNTED[notice.kind](words, notice.count)
    if notice.kind is NoticeKind.HELP_DESK_ACT and notice.act is not None:
        return words.gettext(ACTS[notice.act])
    if not notice.method and notice.kind in NAMELESS:
        return words.gettext(NAMELESS[notice.kind])
    return words.gettext(wording.happened)


def _more(
    notice: Notice, wording: Wording, words: Translations, values: Mapping[str, str | int]
) -> str | None:
    """The second paragraph; few backup codes are more urgent than anything else it says."""
    if notice.kind is NoticeKind.RECOVERY_CODE_USED and notice.count <= FEW_CODES:
        return words.gettext("Create a new set while you can still sign in.")
    more = _translated(words, wording.more)
    return more.format(**values) if more else None


def _translated(words: Translations, message: str | None) -> str | None:
    return None if message is None else words.gettext(message)


def _where(notice: Notice, tongue: Language) -> str | None:
    """Return the origin in one phrase: "Berlin, Germany, Firefox on Linux, IP address 203.0.113.0"."""
    _ = translator(tongue.code).gettext
    network = _isolate(notice.network or "", tongue)
    known = (
        _isolate(notice.place or "", tongue),
        _browser(notice.browser or "", tongue),
        _("IP address {network}").format(network=network) if network else "",
    )
    return _(", ").join(part for part in known if part) or None


def _tidy(text: str) -> str:
    """Remove characters that could break a line, a header or the text direction."""
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    tidy = " ".join(kept.split())
    return tidy if len(tidy) <= MAX_FIELD else tidy[: MAX_FIELD - 1] + "…"


def _isolate(text: str, tongue: Language) -> str:
    """Keep a name from changing the direction of its sentence (isolates, Unicode TR 9).

    Only if directions can mix, since old mail programs draw the marks as boxes.
    """
    tidy = _tidy(text)
    turns = any(unicodedata.bidirectional(c) in {"R", "AL"} for c in tidy)
    return f"{_ISOLATE}{tidy}{_END}" if tidy and (turns or tongue.direction == "rtl") else tidy


def _browser(browser: str, tongue: Language) -> str:
    """Its name is our own words, which begin with a mark where the direction is not that of the name."""
    return browser_name(_tidy(browser), tongue.code)


def _plain(text: str) -> str:
    return text.replace(_ISOLATE, "").replace(_END, "")


def _plain_lines(text: str) -> str:
    """Collapse the template's blank lines into single ones, and end with one newline."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.strip() or (lines and lines[-1]):
            # The trailing space makes "-- " the signature separator (RFC 3676 section 4.3).
            lines.append(line if line == "-- " else line.rstrip())
    return "\n".join(lines).strip() + "\n"
