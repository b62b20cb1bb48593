"""Boxes that stay on every page while their cause lasts."""

from __future__ import annotations

from twostep.i18n import translator
from twostep.web.view import Link, StatusBox
from twostep.web.visit import Visit


def no_spare(visit: Visit) -> StatusBox:
    """While there is only one way to sign in."""
    _ = translator(visit.language).gettext
    link = Link(visit.url("account.spare"), _("Add a spare way in"))
    said = _("You have only one way to sign in. If you lose it you could be locked out.")
    return StatusBox("warn", said, link)


def codes_unproved(visit: Visit) -> StatusBox:
    """While nobody has shown that the backup codes were saved."""
    _ = translator(visit.language).gettext
    link = Link(visit.url("methods.codes"), _("Check now"))
    return StatusBox("warn", _("You have not checked that you saved your backup codes."), link)


def cookie_blocked(*, language: str) -> StatusBox:
    """On the sign-in page, when the browser did not send our cookie back."""
    _ = translator(language).gettext
    said = _(
        "Your browser blocked our cookie, and without it nobody can stay signed in. "
        "Allow cookies for this site, then sign in again."
    )
    return StatusBox("warn", said)


def clock_was_ahead(*, language: str) -> StatusBox:
    """To operators, for a day after an app refused codes because of it."""
    _ = translator(language).gettext
    said = _(
        "The server's clock was ahead of the time, and apps that were used meanwhile refuse codes. Run: twostep doctor --mend-clock"
    )
    return StatusBox("warn", said)


def codes_low(visit: Visit, left: int) -> StatusBox:
    """While few backup codes are left, or none."""
    words = translator(visit.language)
    link = Link(visit.url("methods.codes"), words.gettext("Replace codes"))
    if not left:
        return StatusBox("warn", words.gettext("You have used all your backup codes."), link)
    said = words.ngettext(
        "Only %(left)s backup code left.", "Only %(left)s backup codes left.", left
    )
    return StatusBox("warn", said % {"left": left}, link)


def sign_out_elsewhere(visit: Visit) -> StatusBox:
    """After a way to sign in has changed, while other browsers are signed in."""
    _ = translator(visit.language).gettext
    link = Link(visit.url("account.sessions"), _("Where you are signed in"))
    return StatusBox(
        "info",
        _(
            "You have changed how you sign in. If you did it because something was lost, sign out everywhere else too."
        ),
        link,
    )
