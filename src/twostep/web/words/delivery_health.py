"""Alarms, reasons and states of delivery, worded for operators."""

from __future__ import annotations

from collections.abc import Mapping

from twostep.core.audit import event
from twostep.i18n import N_, translator
from twostep.names import country_name


_ALARMS = {
    event.BUDGET_HALF_USED: N_("Half of the %(limit)s texts and calls of this %(span)s are used."),
    event.BUDGET_USED_UP: N_(
        "No more numbers can be added this %(span)s: the texts and calls for them are used up. %(kept)s are kept for signing in."
    ),
    event.CLOCK_MOVED_BACK: N_(
        "The server's clock ran ahead, and codes from apps that were used in the meantime are refused. Run: twostep doctor --mend-clock"
    ),
    event.COUNTRY_PAUSED: N_(
        "%(country)s: only %(verified)s of the last %(sent)s codes to new numbers were typed. Adding numbers from there is paused for a day."
    ),
    event.PREFIX_BLOCKED: N_(
        "%(country)s: %(distinct)s new numbers within an hour differed only in their last four digits. No more numbers like these can be added for a day."
    ),
    event.PROVIDER_FAILING: N_(
        "%(provider)s failed in %(failed)s of %(tries)s tries that day: %(reason)s"
    ),
    event.PROVIDER_RESTORED: N_("%(provider)s works again."),
    event.PROVIDER_TRIPPED: N_("%(provider)s keeps failing and is being skipped: %(reason)s"),
}
_SPANS = {"hour": N_("hour"), "day": N_("day")}
_REASONS = {
    "unusable": N_("no such number"),
    "opted_out": N_("opted out of texts"),
    "landline": N_("landline"),
    "region_blocked": N_("country blocked by the provider"),
    "unreachable": N_("phone off or no signal"),
    "busy": N_("busy"),
    "filtered": N_("held back by the network"),
    "expired": N_("too late"),
    "refused": N_("refused"),
    "no_answer": N_("no answer from the provider"),
    "no_provider": N_("no working provider"),
    "throttled": N_("too many at once"),
    "temporary": N_("provider error"),
    "configuration": N_("provider settings"),
}
_OTHER = N_("other")
_TEST = {
    "queued": N_("The test message to %(number)s is on its way."),
    "accepted": N_("The test message to %(number)s was accepted by %(provider)s."),
    "delivered": N_("The test message to %(number)s was delivered by %(provider)s."),
    "failed": N_("The test message to %(number)s failed: %(reason)s."),
}


def alarm_sentence(kind: str, data: Mapping[str, str | int], *, language: str) -> str:
    """An alarm as a sentence; an unknown kind is shown by its name."""
    words = translator(language)
    values: dict[str, str | int] = dict(data)
    if "region" in values:
        values["country"] = country_name(str(values["region"]), language)
    if "span" in values:
        values["span"] = words.gettext(_SPANS.get(str(values["span"]), ""))
    return words.gettext(_ALARMS[kind]) % values if kind in _ALARMS else kind


def reason_words(reason: str, *, language: str) -> str:
    """Why messages failed, in a few words."""
    return translator(language).gettext(_REASONS.get(reason, _OTHER))


def test_sentence(state: str, *, hint: str, provider: str, reason: str, language: str) -> str:
    """The state of the newest test message."""
    values = {
        "number": f"•••• ••{hint}",
        "provider": provider,
        "reason": reason_words(reason, language=language),
    }
    return translator(language).gettext(_TEST.get(state, _TEST["queued"])) % values
