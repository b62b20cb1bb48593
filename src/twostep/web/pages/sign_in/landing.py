"""Where a sign-in leads: to its target, sometimes with a reminder on the way."""

from __future__ import annotations

from urllib.parse import quote

from twostep.core.methods.reminder import Reminder
from twostep.flows.sign_in.complete import SignedIn
from twostep.web.visit import Visit


_PAGES = {
    Reminder.SPARE: "account.spare",
    Reminder.CODES: "methods.codes_check",
}


def landing(visit: Visit, signed_in: SignedIn, target: str) -> str:
    """`target`, or a reminder's page that then leads to it, so that no deep link is lost."""
    if signed_in.reminder is None:
        return target
    return f"{visit.url(_PAGES[signed_in.reminder])}?next={quote(target, safe='/')}"
