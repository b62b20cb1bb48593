"""The wording of each notice: a subject, what happened, and further advice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from twostep.catalogue import Translations
from twostep.delivery.mail.notice import HelpDeskAct, NoticeKind
from twostep.i18n import N_


class Follow(StrEnum):
    """The sentence after what happened: what to do if all is well."""

    WAS_YOU = "was_you"
    ASKED = "asked"  # the user asked for this mail
    HELPED = "helped"  # the help desk acted for the user
    NONE = "none"  # the user has to act either way


@dataclass(frozen=True, slots=True)
class Wording:
    """The wording of one kind. `more`: a second paragraph; `button`: the label of `action_link`.

    `happened` is empty if the sentence depends on a number (`COUNTED`) or an act (`ACTS`).
    """

    subject: str
    happened: str = ""
    more: str | None = None
    button: str | None = None
    follow: Follow = Follow.WAS_YOU


_BACK_ON = N_("To turn it on again, open Settings and choose Enable.")

WORDINGS: dict[NoticeKind, Wording] = {
    NoticeKind.TWO_STEP_ENABLED: Wording(
        N_("two-step sign-in is on"),
        N_("Two-step sign-in (MFA) was turned on for your account."),
        more=N_("From now on, signing in takes your password and a code or a passkey."),
    ),
    NoticeKind.TWO_STEP_DISABLED: Wording(
        N_("two-step sign-in is off"),
        N_("Two-step sign-in (MFA) was turned off for your account."),
        more=_BACK_ON,
    ),
    NoticeKind.APP_ADDED: Wording(
        N_("authenticator app added"),
        N_("The authenticator app “{method}” was added to your account."),
    ),
    NoticeKind.APP_REMOVED: Wording(
        N_("authenticator app removed"),
        N_("The authenticator app “{method}” was removed from your account."),
    ),
    NoticeKind.PHONE_ADDED: Wording(
        N_("backup phone added (••{hint})"),
        N_("A backup phone ending {hint} was added to your account."),
    ),
    NoticeKind.PHONE_REMOVED: Wording(
        N_("backup phone removed (••{hint})"),
        N_("The backup phone ending {hint} was removed from your account."),
        more=N_("Codes are no longer sent to it."),
    ),
    NoticeKind.PASSKEY_ADDED: Wording(
        N_("passkey added"), N_("The passkey “{method}” was added to your account.")
    ),
    NoticeKind.PASSKEY_REMOVED: Wording(
        N_("passkey removed"), N_("The passkey “{method}” was removed from your account.")
    ),
    NoticeKind.PASSKEY_COUNTED_BACK: Wording(
        N_("check one of your passkeys"),
        N_("The passkey “{method}” was used to sign in, but its counter had not increased."),
        more=N_(
            "The device may be faulty, or there may be a copy of the passkey. If you are not sure, remove the passkey and add it again."
        ),
    ),
    NoticeKind.PASSKEY_CHANGED: Wording(
        N_("a passkey no longer works"),
        N_("The passkey “{method}” was refused, because your password manager has changed it."),
        more=N_(
            "Sign in another way. Then remove the passkey under Account security and add it again."
        ),
    ),
    NoticeKind.CODES_CREATED: Wording(
        N_("new backup codes"),
        N_("A new set of backup codes was created for your account."),
        more=N_("If you had backup codes before, they no longer work."),
    ),
    NoticeKind.RECOVERY_CODE_USED: Wording(
        N_("backup code used"),
        more=N_("Did you lose your phone? Then add the new one and remove the old one."),
        button=N_("Open Account security"),
    ),
    NoticeKind.DEFAULT_CHANGED: Wording(
        N_("default way to sign in changed"),
        N_("Signing in now asks for “{method}” first."),
    ),
    NoticeKind.BROWSER_NEW: Wording(
        N_("sign-in from a new browser"),
        N_("There was a sign-in to your account from a browser we had not seen before."),
    ),
    NoticeKind.BROWSER_COPIED: Wording(
        N_("a browser that skipped the code was removed"),
        N_("Someone used an old copy of the cookie that lets “{method}” skip the code."),
        more=N_(
            "That browser will be asked for a code again. Whoever used the copy also entered your password correctly."
        ),
    ),
    NoticeKind.WRONG_CODES: Wording(
        N_("someone entered your password, but not the code"),
        more=N_("They did not get in. If it wasn't you, someone else knows your password."),
    ),
    NoticeKind.HELP_REQUEST: Wording(
        N_("someone can't sign in ({method})"),
        N_(
            "Someone who knows the account's password can't pass the second step and asks for help."
        ),
        more=N_(
            "Reference: {method}, valid until {until}. It proves the password, nothing else: check who it is before you act. Run: twostep user find --reference {method}"
        ),
        follow=Follow.NONE,
    ),
    NoticeKind.HELP_REQUESTED: Wording(
        N_("you asked the help desk for help"),
        N_(
            "Someone who knows your password asked the help desk to help them sign in to your account. The help desk has the request until {until}."
        ),
        follow=Follow.WAS_YOU,
    ),
    NoticeKind.PASSWORD_GUESSED: Wording(
        N_("many wrong passwords"),
        more=N_(
            "They did not get in, and your password has not changed. Browsers in which you have signed in before work as usual. In any other browser, choose “Forgotten your password?” first: the link that we mail you lets you sign in."
        ),
        follow=Follow.NONE,
    ),
    NoticeKind.PASSWORD_CHANGED: Wording(
        N_("password changed"),
        N_("The password for your account was changed."),
        more=N_("You have been signed out everywhere else."),
    ),
    NoticeKind.PASSWORD_RETIRED: Wording(
        N_("your password no longer works"),
        N_(
            "Someone who has your password tried to guess codes, so we stopped accepting that password."
        ),
        more=N_(
            "They did not get in. Your phone and app stay as they are. Set a new password with"
            " this link; it works once, for one hour."
        ),
        button=N_("Set a new password"),
        follow=Follow.NONE,
    ),
    NoticeKind.PASSWORD_SECURED: Wording(
        N_("your password no longer works"),
        N_("Your account was secured, so we stopped accepting its password."),
        more=N_("Set a new password with this link; it works once, for one hour."),
        button=N_("Set a new password"),
        follow=Follow.NONE,
    ),
    NoticeKind.PASSWORD_RESET_LINK: Wording(
        N_("set a new password"),
        N_("Someone, perhaps you, asked for a link to set a new password."),
        more=N_(
            "The link works once, for one hour. If two-step sign-in is on, you will still need your"
            " second step."
        ),
        button=N_("Set a new password"),
        follow=Follow.ASKED,
    ),
    NoticeKind.EMAIL_CONFIRM: Wording(
        N_("confirm your e-mail address"),
        N_("Someone, perhaps you, wants to use {address} for this account."),
        more=N_("Open the link while you are signed in."),
        button=N_("Confirm this address"),
        follow=Follow.ASKED,
    ),
    NoticeKind.EMAIL_ADDED: Wording(
        N_("e-mail address added"),
        N_("The e-mail address {address} was added to your account."),
    ),
    NoticeKind.EMAIL_REMOVED: Wording(
        N_("e-mail address removed"),
        N_("The e-mail address {address} was removed from your account."),
    ),
    NoticeKind.HELP_DESK_ACT: Wording(
        N_("the help desk changed your account"), follow=Follow.HELPED
    ),
    NoticeKind.SESSIONS_ENDED: Wording(
        N_("signed out everywhere else"),
        N_("Your account was signed out in all other browsers."),
    ),
    NoticeKind.SETUP_CONFIRM: Wording(
        N_("is it you who is setting up two-step sign-in?"),
        N_(
            "Someone signed in with your password, in a browser that is new to your account, and wants to set up two-step sign-in."
        ),
        more=N_("Only if that is you, open this link to go on. It works once, for one hour."),
        button=N_("Yes, it is me"),
        follow=Follow.NONE,
    ),
    NoticeKind.RECOVERY_STARTED: Wording(
        N_("someone asked to get in without a second step"),
        N_(
            "Someone who knows your password says that your phone is lost. On {until}, two-step sign-in can be set up again."
        ),
        more=N_("Until then nothing changes. You can stop it at any time."),
        button=N_("Stop this"),
    ),
    NoticeKind.RECOVERY_DAILY: Wording(
        N_("a request to get in without a second step is still waiting"),
        N_("On {until}, two-step sign-in for your account can be set up again."),
        more=N_("You can stop it at any time. Signing in with a second step stops it too."),
        button=N_("Stop this"),
    ),
    NoticeKind.RECOVERY_DONE: Wording(
        N_("you can set up two-step sign-in again"),
        N_("The waiting time is over: two-step sign-in can now be set up again."),
        more=N_("You will need your password. The link works once."),
        button=N_("Set up two-step sign-in"),
        follow=Follow.NONE,
    ),
    NoticeKind.RECOVERY_CANCELLED: Wording(
        N_("the request to get in without a second step was stopped"),
        N_("The request to set up two-step sign-in again was stopped. Nothing was changed."),
    ),
    NoticeKind.CODE_REPORTED: Wording(
        N_("a call with a code was reported"),
        N_(
            "We called the phone ending {hint} with a code, and the person who answered said they had not asked for it."
        ),
        more=N_("The code no longer works. Someone may know your password: change it."),
        follow=Follow.NONE,
    ),
    NoticeKind.POLICY_DEADLINE: Wording(
        N_("set up two-step sign-in"),
        more=N_("It takes about two minutes."),
        button=N_("Set up two-step sign-in"),
        follow=Follow.NONE,
    ),
}

# Where `happened` names an app or passkey, and its owner gave it no name.
NAMELESS: dict[NoticeKind, str] = {
    NoticeKind.APP_ADDED: N_("An authenticator app was added to your account."),
    NoticeKind.APP_REMOVED: N_("An authenticator app was removed from your account."),
    NoticeKind.PASSKEY_ADDED: N_("A passkey was added to your account."),
    NoticeKind.PASSKEY_REMOVED: N_("A passkey was removed from your account."),
    NoticeKind.PASSKEY_COUNTED_BACK: N_(
        "A passkey was used to sign in, but its counter had not increased."
    ),
    NoticeKind.PASSKEY_CHANGED: N_(
        "A passkey was refused, because your password manager has changed it."
    ),
    NoticeKind.DEFAULT_CHANGED: N_("Signing in now asks for another way first."),
}

COUNTED: dict[NoticeKind, Callable[[Translations, int], str]] = {
    NoticeKind.RECOVERY_CODE_USED: lambda words, count: words.ngettext(
        "A backup code was used to sign in to your account. You have {count} code left.",
        "A backup code was used to sign in to your account. You have {count} codes left.",
        count,
    ),
    NoticeKind.WRONG_CODES: lambda words, count: words.ngettext(
        "Someone entered your password correctly, and then a wrong code, {count} time.",
        "Someone entered your password correctly, and then wrong codes, {count} times.",
        count,
    ),
    NoticeKind.PASSWORD_GUESSED: lambda words, count: words.ngettext(
        "Someone entered a wrong password for your account {count} time in a row.",
        "Someone entered a wrong password for your account {count} times in a row.",
        count,
    ),
    NoticeKind.POLICY_DEADLINE: lambda words, count: words.ngettext(
        "Your organisation requires two-step sign-in. You have {count} day left to set it up.",
        "Your organisation requires two-step sign-in. You have {count} days left to set it up.",
        count,
    ),
}

ACTS: dict[HelpDeskAct, str] = {
    HelpDeskAct.DISABLE: N_("The help desk disabled your account."),
    HelpDeskAct.ENABLE: N_("The help desk enabled your account again."),
    HelpDeskAct.SESSIONS_END: N_("The help desk signed you out everywhere."),
    HelpDeskAct.RESET_MFA: N_(
        "The help desk removed your authenticator apps, phones, passkeys and backup codes, and"
        " your password no longer works."
    ),
    HelpDeskAct.TEMPORARY_CODE: N_(
        "The help desk created a temporary code for signing in to your account."
    ),
    HelpDeskAct.PASSWORD_LINK: N_("The help desk sent a link for a new password."),
}
