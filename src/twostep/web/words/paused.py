"""What a limit has paused, and until when: this account, this browser, a network, a number, or all."""

from __future__ import annotations

from typing import Literal

from twostep.core.refusal import Refused, Scope
from twostep.i18n import N_, format_duration, format_time, translator


What = Literal["password", "code", "backup", "made", "send", "page"]

_SENTENCES: dict[tuple[What, Scope | None], str] = {
    ("password", Scope.ACCOUNT): N_("For your safety we have paused sign-in for this account until %(time)s (%(wait)s)."),
    ("password", Scope.BROWSER): N_("For your safety we have paused sign-in for this account in this browser until %(time)s (%(wait)s)."),
    ("password", Scope.NETWORK): N_("Too many wrong passwords came from your network. We have paused sign-in from there until %(time)s (%(wait)s), whatever the account."),
    ("code", Scope.ACCOUNT): N_("For your safety we are not accepting codes for this account until %(time)s (%(wait)s)."),
    ("code", Scope.BROWSER): N_("For your safety we are not accepting codes for this account in this browser until %(time)s (%(wait)s)."),
    ("code", Scope.NETWORK): N_("Too many wrong codes came from your network. We are not accepting codes from there until %(time)s (%(wait)s), whatever the account."),
    ("backup", Scope.ACCOUNT): N_("For your safety we are not accepting backup codes for this account until %(time)s (%(wait)s)."),
    ("backup", Scope.BROWSER): N_("For your safety we are not accepting backup codes for this account in this browser until %(time)s (%(wait)s)."),
    ("backup", Scope.NETWORK): N_("Too many wrong codes came from your network. We are not accepting backup codes from there until %(time)s (%(wait)s), whatever the account."),
    ("made", Scope.ACCOUNT): N_("You have created as many sets of backup codes as you can for now. You can create another at %(time)s (%(wait)s)."),
    ("send", None): N_("We have sent as many codes as we can for now. You can ask for another at %(time)s (%(wait)s)."),
    ("send", Scope.ACCOUNT): N_("We have sent as many codes for this account as we can for now. You can ask for another at %(time)s (%(wait)s)."),
    ("send", Scope.NUMBER): N_("We have sent as many codes to this number as we can for now. You can ask for another at %(time)s (%(wait)s)."),
    ("send", Scope.NETWORK): N_("We have sent as many codes as we can for people on your network. You can ask for another at %(time)s (%(wait)s)."),
    ("send", Scope.PANEL): N_("Everyone here together has asked for as many codes as we can send for now. You can ask for another at %(time)s (%(wait)s)."),
    ("page", Scope.ACCOUNT): N_("For your safety we have paused this page until %(time)s (%(wait)s)."),
    ("page", Scope.NETWORK): N_("Too many failed tries came from your network. We have paused this page there until %(time)s (%(wait)s)."),
}  # fmt: skip


def paused(refused: Refused, what: What, *, language: str, time_zone: str, now: int) -> str:
    """The sentence about a wait, which names what the limit has paused."""
    scope = refused.detail.get("scope")
    message = _SENTENCES.get((what, scope)) or _SENTENCES[what, Scope.ACCOUNT]
    until = refused.retry_at or now + 1
    time = format_time(until, language=language, time_zone=time_zone)
    return translator(language).gettext(message) % {
        "time": f"{time} UTC" if time_zone == "UTC" else time,
        "wait": format_duration(max(1, until - now), language),
    }
