"""The state of a text or call as one sentence, for the page and its status polling."""

from __future__ import annotations

from twostep.core.messages.channel import Channel
from twostep.i18n import N_, format_time, translator


_FAILED: dict[str, str] = {
    "unusable": N_("Not delivered: there is no such number."),
    "opted_out": N_("Not delivered: this number has asked its network to block our texts."),
    "landline": N_("Not delivered: the number cannot receive texts."),
    "region_blocked": N_("Not delivered: we can't send to this country right now."),
    "unreachable": N_("Not delivered: the phone is switched off or has no signal."),
    "busy": N_("Not delivered: the line is busy."),
    "filtered": N_("Not delivered: the network held it back."),
    "expired": N_("Not delivered in time."),
    "no_answer": N_("Not sent: the phone company did not answer. Use another way."),
    "no_provider": N_("Not sent: this way is not working right now. Use another way."),
}
_OTHER = N_("Not delivered. Try again, or use another way.")
_CALL_FAILED: dict[str, str] = {
    "unreachable": N_("Nobody answered. Try again, or use another way."),
}


def delivery_sentence(
    state: str, *, channel: Channel, at: int, reason: str = "", language: str, time_zone: str
) -> str:
    """The state of a message.

    `state`: queued, accepted, delivered or failed, reached at `at` (Unix seconds). `reason`: why it
    failed, in the outbox's words; unknown ones get a general sentence.
    """
    _ = translator(language).gettext
    if state == "failed":
        sentences = _CALL_FAILED if channel is Channel.CALL else _FAILED
        return _(sentences.get(reason) or _FAILED.get(reason, _OTHER))
    if state == "queued":
        return _("The call is being placed.") if channel is Channel.CALL else _("On its way.")
    time = format_time(at, language=language, time_zone=time_zone)
    if channel is Channel.CALL:
        words = (
            _("The phone was answered %(time)s.")
            if state == "delivered"
            else _("Calling since %(time)s.")
        )
    else:
        words = (
            _("Delivered %(time)s.")
            if state == "delivered"
            else _("Accepted by the network %(time)s.")
        )
    return words % {"time": time}


def late_sentence(channel: Channel, *, language: str) -> str:
    """What to do if nothing has arrived after a minute."""
    _ = translator(language).gettext
    if channel is Channel.CALL:
        return _("No call yet? Try another way.")
    return _("Nothing there yet? Try a call, or another way.")


def trouble_sentence(channel: Channel, *, language: str) -> str:
    """For a channel that is not working at all right now."""
    _ = translator(language).gettext
    if channel is Channel.CALL:
        return _("Calls are not working right now. Use another way.")
    return _("Texts are not working right now. Use another way.")
