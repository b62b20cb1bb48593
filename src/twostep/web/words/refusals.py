"""A sentence for every reason of a refusal: what happened, and what to do.

The English in the table is also gettext's key. Reasons whose wording depends on the refusal's values
have a function in `refusals_with_values.py`.
"""

from __future__ import annotations

from twostep.core.refusal import Reason, Refused
from twostep.i18n import N_, translator
from twostep.web.view import FieldError
from twostep.web.words.refusals_with_values import SPECIAL, Reader


SENTENCES: dict[Reason, str] = {
    Reason.CHANGED: N_(
        "Something changed in the meantime, perhaps in another window. Check, then try again."
    ),
    Reason.NOT_FOUND: N_("We can't find that any more. It may have been removed in the meantime."),
    Reason.BUSY: N_("Many people are signing in right now. Try again in a few seconds."),
    Reason.STEP_ENDED: N_(
        "You have been away for 10 minutes, so we signed you out of this step. Start again with your password."
    ),
    Reason.BROWSER_UNPROVEN: N_(
        "Too many wrong passwords were entered for this name. In a browser that is new to the account, signing in now takes a link by e-mail."
    ),
    Reason.USER_NAME_EMPTY: N_("Enter your username or e-mail."),
    Reason.PASSWORD_EMPTY: N_("Enter your password."),
    Reason.CODE_EMPTY: N_("Enter the code."),
    Reason.CODE_NOT_DIGITS: N_("The code contains only digits."),
    Reason.CODE_EXPIRED: N_("That code is too old. Ask for a new one."),
    Reason.CODE_SPENT: N_(
        "There were too many tries for that code, and it no longer works. Ask for a new one, or use another way."
    ),
    Reason.CODE_OF_OTHER_APP: N_(
        "That is the code of your old entry. Use the code of the entry you have just scanned."
    ),
    Reason.CLOCK_MOVED_BACK: N_(
        "Our own clock was wrong when you last used a code, so we can't accept one from your app right now. Use another way; we have told the administrators."
    ),
    Reason.BACKUP_CODE_USED: N_(
        "That backup code was already used. Each one works once: use the next one on your list."
    ),
    Reason.TEMPORARY_CODE_OVER: N_(
        "That code from the help desk was already used, or it is older than an hour. Ask for a new one."
    ),
    Reason.SETUP_UNCONFIRMED: N_("First confirm by e-mail that it is you."),
    Reason.SETUP_EXPIRED: N_(
        "This QR code has expired. Show a new one and scan it; delete the old entry in your app."
    ),
    Reason.LAST_AUTHENTICATOR: N_(
        "This is your last app or passkey. Add another first, or turn two-step sign-in off."
    ),
    Reason.NOT_ALLOWED: N_(
        "Your organisation requires two-step sign-in, so it can't be turned off."
    ),
    Reason.PASSKEY_REFUSED: N_(
        "That passkey was not accepted. Try again, or use another way to sign in."
    ),
    Reason.PASSKEY_CHANGED: N_(
        "Your password manager has changed this passkey, so it no longer works here. Sign in another way, then remove it under Account security and add it again."
    ),
    Reason.NUMBER_EMPTY: N_("Enter a phone number."),
    Reason.NUMBER_TOO_SHORT: N_("That number is too short."),
    Reason.NUMBER_TOO_LONG: N_("That number is too long."),
    Reason.NUMBER_UNCLEAR: N_(
        "That number can be read in two ways. Begin with + and the country code."
    ),
    Reason.NUMBER_VOIP: N_(
        "That is an internet line, and we don't send codes to those. Enter a mobile number or another landline."
    ),
    Reason.NUMBER_LETTERS: N_("Enter the number in digits, without letters."),
    Reason.NUMBER_EXTENSION: N_("We can't dial an extension. Enter a number that rings directly."),
    Reason.NUMBER_LANDLINE: N_("That looks like a landline. Choose Phone call."),
    Reason.NUMBER_KIND: N_(
        "Premium-rate, service and satellite numbers can't be used. Enter an ordinary mobile or landline number."
    ),
    Reason.NUMBER_DUPLICATE: N_("You already added this number."),
    Reason.NUMBER_SHARED: N_("Too many accounts use this number already. Enter another one."),
    Reason.REGION_UNKNOWN: N_("Choose a country or region from the list."),
    Reason.PHONE_NEEDS_APP: N_(
        "Set up an authenticator app or a passkey first. A phone number is only a backup."
    ),
    Reason.CHANNEL_UNKNOWN: N_("Choose text message or phone call."),
    Reason.CHANNEL_OFF: N_("That way is not working right now. Use another way."),
    Reason.PASSWORD_COMMON: N_(
        "Many people use this password, so attackers try it first. Choose another."
    ),
    Reason.PASSWORD_BREACHED: N_(
        "This password has appeared in a data leak elsewhere. Choose another, and change it wherever you use it."
    ),
    Reason.PASSWORD_CONTEXT: N_(
        "This password is too similar to your username or to our name. Choose another."
    ),
    Reason.PASSWORD_UNCHANGED: N_("This is your current password. Choose another."),
    Reason.EMAIL_MALFORMED: N_("Enter an e-mail address like name@example.com."),
    Reason.EMAIL_DUPLICATE: N_("You already added this address."),
    Reason.EMAIL_TAKEN: N_(
        "Another account has confirmed this address in the meantime, so it can't belong to yours. Add a different one."
    ),
    Reason.EMAIL_LAST: N_("This is your last confirmed address. Add and confirm another first."),
    Reason.LINK_DEAD: N_("This link was already used, or it is too old."),
    Reason.LANGUAGE_UNKNOWN: N_("Choose a language from the list."),
    Reason.TIME_ZONE_UNKNOWN: N_("Choose a time zone from the list."),
    Reason.USER_NAME_TAKEN: N_("This username is taken. Choose another."),
    Reason.USER_NAME_MALFORMED: N_(
        "A username can't begin or end with a space, can't contain “@”, and has at most 64 characters."
    ),
}

# The form field a reason belongs to; the other reasons belong to no single field.
FIELDS: dict[Reason, str] = {
    Reason.USER_NAME_EMPTY: "username",
    Reason.PASSWORD_EMPTY: "password",
    Reason.PASSWORD_RETIRED: "password",
    **dict.fromkeys(
        (reason for reason in Reason if reason.startswith(("code.", "recovery_code."))), "code"
    ),
    Reason.CLOCK_OFF: "code",
    Reason.CLOCK_MOVED_BACK: "code",
    Reason.NAME_TOO_LONG: "name",
    **dict.fromkeys((reason for reason in Reason if reason.startswith("number.")), "number"),
    Reason.NUMBER_REGION_CLOSED: "country",
    Reason.REGION_UNKNOWN: "country",
    Reason.PHONE_LIMIT: "number",
    Reason.CHANNEL_UNKNOWN: "channel",
    Reason.CHANNEL_OFF: "channel",
    Reason.PASSWORD_TOO_SHORT: "new_password",
    Reason.PASSWORD_TOO_LONG: "new_password",
    Reason.PASSWORD_COMMON: "new_password",
    Reason.PASSWORD_BREACHED: "new_password",
    Reason.PASSWORD_CONTEXT: "new_password",
    Reason.PASSWORD_UNCHANGED: "new_password",
    Reason.PASSWORD_CURRENT_WRONG: "current_password",
    Reason.EMAIL_MALFORMED: "email",
    Reason.EMAIL_DUPLICATE: "email",
    Reason.EMAIL_TAKEN: "email",
    Reason.LANGUAGE_UNKNOWN: "language",
    Reason.TIME_ZONE_UNKNOWN: "time_zone",
    Reason.USER_NAME_TAKEN: "username",
    Reason.USER_NAME_MALFORMED: "username",
}


def field_error(refused: Refused, reader: Reader, *, field: str | None = None) -> FieldError:
    """The refusal at its form field; `field` overrides the field's name."""
    return FieldError(field or FIELDS.get(refused.reason), sentence(refused, reader))


def sentence(refused: Refused, reader: Reader) -> str:
    """What happened and what to do, in the reader's language."""
    words = translator(reader.language)
    special = SPECIAL.get(refused.reason)
    if special is not None:
        return special(refused, reader, words)
    return words.gettext(SENTENCES[refused.reason])
