"""Flash messages, shown once after a change: stored in the session as a key, shown as a sentence."""

from __future__ import annotations

from twostep.flows.sign_in import sessions
from twostep.i18n import N_, translator
from twostep.web import view
from twostep.web.visit import PathFor, Visit


_OK = {
    "app_added": N_("Your new authenticator app works."),
    "app_beside": N_(
        "Your new authenticator app works. Have you lost the phone with the other one? Then remove that app: its codes still work."
    ),
    "old_phone_removed": N_("Your new phone is set up, and the old one can no longer be used."),
    "app_removed": N_("The authenticator app was removed."),
    "passkey_added": N_("Your passkey “{detail}” works."),
    "passkey_removed": N_("The passkey was removed."),
    "browser_forgotten": N_("That browser will be asked for a code again."),
    "known_browser_forgotten": N_("That browser counts as new from now on."),
    "browsers_forgotten": N_("Every browser will be asked for a code again."),
    "phone_added": N_("The number ending {detail} can now receive codes."),
    "phone_removed": N_("The number ending {detail} was removed."),
    "codes_saved": N_("Your backup codes are saved and checked."),
    "default_changed": N_("This is now your default way to sign in."),
    "renamed": N_("The name was changed."),
    "disabled": N_("Two-step sign-in is off. You can turn it on again at any time."),
    "password_changed": N_("Your password was changed. We signed you out everywhere else."),
    "profile_saved": N_("Your language and time zone are saved."),
    "email_sent": N_("We have sent a link to {detail}. Open it to confirm the address."),
    "email_confirmed": N_("The address is confirmed."),
    "email_removed": N_("The address was removed."),
    "session_ended": N_("That browser was signed out."),
    "others_ended": N_("You are signed out everywhere else."),
    "message_sent": N_("The test message is on its way."),
}
_WARN = {
    "code_used": N_("You used your last backup code. Did you lose your phone?"),
    "wrong_codes": N_(
        "Since your last sign-in, someone entered your password and then wrong codes. If it wasn't you, set a new password."
    ),
    "code_replayed": N_(
        "A code of yours that was already used was entered again. If it wasn't you, someone may have seen your codes and may know your password: set a new one."
    ),
    "new_phone_needed": N_("Set up an authenticator app now: it is what signs you in next time."),
}


async def set_flash(visit: Visit, key: str, detail: str = "") -> None:
    """Show this message once, on the session's next page."""
    flash = f"{key}:{detail}" if detail else key
    await visit.do(sessions.save_flash, visit.current, flash=flash)


def flash_notice(flash: str, language: str, url: PathFor) -> view.StatusBox | None:
    """The box for a stored flash; None for an unknown key. `url`: the path of a page by its name."""
    key, _, detail = flash.partition(":")
    for kind, sentences in (("ok", _OK), ("warn", _WARN)):
        if key in sentences:
            words = translator(language).gettext
            text = words(sentences[key]).format(detail=detail)
            link = None
            if key == "code_used":
                link = view.Link(
                    url("methods.app_new") + "?replaces=1", words(N_("Set up a new phone"))
                )
            elif key in {"wrong_codes", "code_replayed"}:
                link = view.Link(url("account.activity"), words(N_("See what happened")))
            elif key == "app_beside" and detail:
                link = view.Link(
                    url("methods.remove", id=detail), words(N_("Remove the other one"))
                )
            return view.StatusBox("ok" if kind == "ok" else "warn", text, link)
    return None
