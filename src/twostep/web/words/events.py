"""Events of the audit trail as sentences for the account's owner."""

from __future__ import annotations

from collections.abc import Mapping

from twostep.core.audit import event
from twostep.flows.account.acts import AccountAct
from twostep.i18n import N_, translator


_NEUTRAL = N_("Something in your account changed.")

_SENTENCES: dict[str, str] = {
    event.ACCOUNT_CREATED: N_("Your account was created."),
    event.ACCOUNT_DISABLED: N_("The help desk disabled your account."),
    event.ACCOUNT_ENABLED: N_("The help desk enabled your account again."),
    event.APP_ADDED: N_("An authenticator app was added."),
    event.APP_REFUSED: N_("A code for a new authenticator app was wrong."),
    event.APP_REMOVED: N_("An authenticator app was removed."),
    event.BROWSER_FORGOTTEN: N_("A browser will be asked for a code again."),
    event.BROWSER_NEW: N_("A browser was used for the first time."),
    event.BROWSER_PROVEN: N_("A link from an e-mail was used, to sign in with the same password."),
    event.BROWSER_REMEMBERED: N_("A browser will not be asked for a code."),
    event.BROWSER_TOKEN_REUSED: N_("A browser that skips the code was removed, because a copy of its cookie was used."),
    event.CLOCK_MENDED: N_("Codes from your authenticator app are accepted again: our clock had been wrong."),
    event.CLOCK_MOVED_BACK: N_("A code could not be checked, because our clock was wrong."),
    event.CODE_ACCEPTED: N_("A code was accepted."),
    event.CODE_REFUSED: N_("A wrong code was entered."),
    event.CODE_REPORTED: N_("The person we called said that the call was not for them."),
    event.CODE_SENT: N_("A code was sent to a backup phone."),
    event.CODE_SEND_REFUSED: N_("A code was asked for, but not sent."),
    event.CODE_DELIVERED: N_("A code reached the phone network."),
    event.CODE_DELIVERY_FAILED: N_("A code could not be delivered."),
    event.CONTAINMENT_DONE: N_("Your account was secured: “This wasn't me”."),
    event.DEFAULT_CHANGED: N_("Your default way to sign in was changed."),
    event.EMAIL_ADDED: N_("An e-mail address was added."),
    event.EMAIL_REMOVED: N_("An e-mail address was removed."),
    event.EMAIL_VERIFIED: N_("An e-mail address was confirmed."),
    event.HELP_REQUESTED: N_("The help desk was asked to help you sign in."),
    event.KNOWN_BROWSER_FORGOTTEN: N_("A browser you had used before counts as new again."),
    event.METHOD_RENAMED: N_("An authenticator app or a passkey was renamed."),
    event.NOTICE_FAILED: N_("A notice could not be delivered."),
    event.NOTICE_SENT: N_("A notice was sent."),
    event.NUMBER_UNMATCHED: N_("A number was not accepted as a backup phone."),
    event.OPERATOR_ACTED: N_("The help desk acted on your account."),
    event.PASSKEY_ACCEPTED: N_("A passkey was used."),
    event.PASSKEY_ADDED: N_("A passkey was added."),
    event.PASSKEY_COUNTED_BACK: N_("A passkey was used, but there may be a copy of it."),
    event.PASSKEY_REFUSED: N_("A passkey was not accepted."),
    event.PASSKEY_REMOVED: N_("A passkey was removed."),
    event.PASSWORD_ACCEPTED: N_("The correct password was entered."),
    event.PASSWORD_CHANGED: N_("Your password was changed."),
    event.PASSWORD_REFUSED: N_("A wrong password was entered."),
    event.PASSWORD_RETIRED: N_("Your password no longer works: it was cancelled to secure your account."),
    event.PASSWORD_LINK_SENT: N_("A link for a new password was sent."),
    event.PHONE_ADDED: N_("A backup phone was added."),
    event.PHONE_REMOVED: N_("A backup phone was removed."),
    event.PROFILE_CHANGED: N_("Language or time zone was changed."),
    event.SETUP_LINK_SENT: N_("A link to confirm the setup of two-step sign-in was sent."),
    event.SETUP_CONFIRMED: N_("The setup of two-step sign-in was confirmed."),
    event.RECOVERY_CANCELLED: N_("A recovery was cancelled."),
    event.RECOVERY_ENDED: N_("The waiting time of a recovery ended."),
    event.RECOVERY_STARTED: N_("A recovery with a waiting time was started."),
    event.RECOVERY_USED: N_("A recovery opened the setup of a new app."),
    event.RECOVERY_CODES_CREATED: N_("Backup codes were created."),
    event.RECOVERY_CODES_KEPT: N_("You said that you still have your backup codes."),
    event.RECOVERY_CODES_PROVED: N_("You proved that your backup codes are saved."),
    event.RECOVERY_CODE_USED: N_("A backup code was used."),
    event.REQUEST_REFUSED: N_("A request was refused. Nothing was changed."),
    event.SEAL_BROKEN: N_("Something that we keep encrypted for you could not be decrypted. Tell the help desk."),
    event.SESSION_ENDED: N_("A browser was signed out."),
    event.SIGN_IN_COMPLETED: N_("You signed in."),
    event.SIGN_OUT_DONE: N_("You signed out."),
    event.STEP_UP_COMPLETED: N_("You confirmed that it is you."),
    event.SUPPORT_REFERENCE_MADE: N_("A reference for the help desk was shown."),
    event.TEMPORARY_CODE_MADE: N_("The help desk created a temporary code for you."),
    event.TEMPORARY_CODE_USED: N_("The help desk's temporary code was used."),
    event.TEST_MESSAGE_SENT: N_("You had a test message sent to your phone."),
    event.TWO_STEP_DISABLED: N_("Two-step sign-in was turned off."),
    event.TWO_STEP_ENABLED: N_("Two-step sign-in was turned on."),
}  # fmt: skip

_WITH_NAME = {
    event.APP_ADDED: N_("The authenticator app “%(name)s” was added."),
    event.APP_REMOVED: N_("The authenticator app “%(name)s” was removed."),
    event.METHOD_RENAMED: N_("An authenticator app or a passkey is now called “%(name)s”."),
    event.PASSKEY_ADDED: N_("The passkey “%(name)s” was added."),
    event.PASSKEY_REMOVED: N_("The passkey “%(name)s” was removed."),
}
_WITH_HINT = {
    event.PHONE_ADDED: N_("The backup phone ending %(hint)s was added."),
    event.PHONE_REMOVED: N_("The backup phone ending %(hint)s was removed."),
}
_WITH_LEFT = {event.RECOVERY_CODE_USED: N_("A backup code was used; %(left)s left.")}
_OF_VALUE = {
    (event.SESSION_ENDED, "by", "new_sign_in"): N_("An earlier session in a browser ended, because someone signed in there again."),
    (event.SESSION_ENDED, "by", "guessing"): N_("A browser was signed out, because too many wrong passwords were entered there."),
    (event.KNOWN_BROWSER_FORGOTTEN, "reason", "guessing"): N_("A browser you had used before counts as new again, because too many wrong codes or passwords were entered there."),
    (event.PASSWORD_RETIRED, "reason", "guessing"): N_("Your password no longer works, because someone who has it tried to guess codes."),
    (event.REQUEST_REFUSED, "reason", "origin"): N_("A form that did not come from our own pages was refused. Nothing was changed."),
}  # fmt: skip
_BAD = frozenset({"refused", "throttled", "failed"})
_WATCH = frozenset({
    event.BROWSER_TOKEN_REUSED, event.PASSKEY_COUNTED_BACK, event.CODE_REPORTED, event.CONTAINMENT_DONE, event.PASSWORD_RETIRED,
    event.RECOVERY_STARTED, event.TWO_STEP_DISABLED,
})  # fmt: skip
_GOOD = frozenset({event.SIGN_IN_COMPLETED, event.TWO_STEP_ENABLED})

# Values and labels of the page's filter; a value is the first part of an event's name.
FILTERS: tuple[tuple[str, str], ...] = (
    ("", N_("Everything")),
    ("sign_in", N_("Sign-ins")),
    ("password", N_("Password")),
    ("code", N_("Codes")),
    ("app", N_("Authenticator apps")),
    ("passkey", N_("Passkeys")),
    ("phone", N_("Backup phones")),
    ("recovery_code", N_("Backup codes")),
    ("email", N_("E-mail addresses")),
    ("session", N_("Sessions")),
)


_SIGNED_IN = {
    "sms": N_("Signed in with a text message"),
    "tel": N_("Signed in with a phone call"),
    "app": N_("Signed in with an authenticator app"),
    "codes": N_("Signed in with a backup code"),
    "passkey": N_("Signed in with a passkey"),
    "browser": N_("Signed in with the password, in a browser that skips the code"),
    "pwd": N_("Signed in with the password"),
}


def act_sentence(act: AccountAct, *, language: str) -> str:
    """What somebody did, as a sentence; a sign-in says with what."""
    activity = act.event
    if activity.event == event.SIGN_IN_COMPLETED:
        proofs = str(activity.data.get("amr", "")).split()
        kind = activity.method.partition(":")[0]
        way = next((proof for proof in proofs if proof in {"sms", "tel"}), kind) or "pwd"
        return translator(language).gettext(_SIGNED_IN.get(way, _SIGNED_IN["pwd"]))
    data = {**activity.data, "count": act.count}
    return activity_sentence(activity.event, data, language=language)


def activity_sentence(name: str, data: Mapping[str, str | int], *, language: str) -> str:
    """What happened, as a sentence; events without one get a neutral sentence."""
    message = _SENTENCES.get(name, _NEUTRAL)
    for field, table in (("name", _WITH_NAME), ("hint", _WITH_HINT), ("left", _WITH_LEFT)):
        if data.get(field, "") != "" and name in table:
            message = table[name]
    for field, value in data.items():
        message = _OF_VALUE.get((name, field, str(value)), message)
    words = translator(language)
    sentence = words.gettext(message) % data
    count = data.get("count", 1)
    if not isinstance(count, int) or count < 2 or name not in event.MERGED:
        return sentence
    return words.ngettext(
        "%(sentence)s (%(count)s time)", "%(sentence)s (%(count)s times)", count
    ) % {"sentence": sentence, "count": count}


def activity_tone(name: str, outcome: str) -> str:
    """The colour of an event's dot: `warn`, `ok` or `plain`."""
    if outcome in _BAD or name in _WATCH:
        return "warn"
    return "ok" if name in _GOOD else "plain"


def activity_filters(*, language: str) -> tuple[tuple[str, str], ...]:
    """The filter's values and labels."""
    _ = translator(language).gettext
    return tuple((value, _(words)) for value, words in FILTERS)
