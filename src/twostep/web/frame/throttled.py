"""The page for too many tries: when to try again, and other ways that have their own limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.responses import Response

from twostep.core.refusal import Refused
from twostep.i18n import translator
from twostep.web import view
from twostep.web.frame.frame import page, set_retry_after
from twostep.web.visit import Visit
from twostep.web.words.paused import What, paused


@dataclass(frozen=True, slots=True)
class OtherWays:
    """Ways this wait does not block: forms that go to `send_url` and `page_url`, with `hidden` fields."""

    rows: tuple[view.WayRow, ...] = ()
    send_url: str = ""
    page_url: str = ""
    hidden: Mapping[str, str] = field(default_factory=dict)
    passkey: view.PasskeyUrls | None = None


_NO_OTHER_WAYS = OtherWays()


def throttled(
    visit: Visit,
    refused: Refused,
    *,
    what: What,
    back_url: str,
    other_ways: OtherWays = _NO_OTHER_WAYS,
    status: int = 429,
) -> Response:
    """The page "Too many tries". `what`: what the limit pauses, for the sentence."""
    words = translator(visit.language)
    takes_codes = back_url in {visit.url("sign_in.code"), visit.url("confirm")}
    response = page(
        visit,
        "throttled.html",
        status=status,
        until=refused.retry_at or visit.now + 1,
        lead=paused(
            refused,
            what,
            language=visit.language,
            time_zone=visit.time_zone,
            now=visit.now,
        ),
        offers_reset=what == "password",
        ways=other_ways.rows,
        send_url=other_ways.send_url,
        here_url=other_ways.page_url,
        hidden=other_ways.hidden,
        back_url=back_url,
        again=words.gettext("Enter a code") if takes_codes else words.gettext("Try again"),
        passkey=other_ways.passkey,
    )
    if status == 429:
        set_retry_after(response, refused, now=visit.now)
    return response
