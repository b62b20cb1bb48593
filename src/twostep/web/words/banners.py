"""Boxes that stay on a page until their cause is gone."""

from __future__ import annotations

from twostep.i18n import translator
from twostep.web.view import Link, StatusBox
from twostep.web.visit import Visit


def no_spare(visit: Visit) -> StatusBox:
    """While there is only one way to sign in."""
    _ = translator(visit.language).gettext
    link = Link(visit.url("account.spare"), _("Add another way to sign in"))
    text = _("You have only one way to sign in. If you lose it you could be locked out.")
    return StatusBox("warn", text, link)


def codes_unproved(visit: Visit) -> StatusBox:
    """Until the owner proves that the backup codes were saved."""
    _ = translator(visit.language).gettext
    link = Link(visit.url("methods.codes"), _("Check now"))
    return StatusBox("warn", _("You have not checked that you saved your backup codes."), link)


def cookie_blocked(*, language: str) -> StatusBox:
    """On the sign-in page, if the browser did not send our cookie back."""
    _ = translator(language).gettext
    text = _(
        "Your browser blocked our cookie, and without it nobody can stay signed in. "
        "Allow cookies for this site, then sign in again."
    )
    return StatusBox("warn", text)


def clock_was_ahead(*, language: str) -> StatusBox:
    """For a day after app codes were refused because our clock was ahead."""
    _ = translator(language).gettext
    text = _(
        "The server's clock ran ahead, and codes from apps that were used in the meantime are refused. Run: twostep doctor --mend-clock"
    )
    return StatusBox("warn", text)


def codes_low(visit: Visit, left: int) -> StatusBox:
    """While few or no backup codes are left."""
    words = translator(visit.language)
    link = Link(visit.url("methods.codes"), words.gettext("Replace codes"))
    if not left:
        return StatusBox("warn", words.gettext("You have used all your backup codes."), link)
    text = words.ngettext(
        "Only %(left)s backup code left.", "Only %(left)s backup codes left.", left
    )
    return StatusBox("warn", text % {"left": left}, link)


def sign_out_elsewhere(visit: Visit) -> StatusBox:
    """After a change to the ways to sign in, while other browsers are signed in."""
    _ = translator(visit.language).gettext
    link = Link(visit.url("account.sessions"), _("Where you are signed in"))
    return StatusBox(
        "info",
        _(
            "You have changed how you sign in. If you did so because you lost something, sign out everywhere else too."
        ),
        link,
    )
