"""Sentences of refusals that carry values: lengths, waits, countries, tries left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from twostep.catalogue import Translations
from twostep.core.refusal import Reason, Refused
from twostep.i18n import N_, format_duration, format_time
from twostep.names import country_name
from twostep.web.words.paused import What, paused


PromptKind = Literal["app", "setup", "sent", "proof"]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a sentence, when, and in which language and time zone.

    `prompt`: what the page asked for: an app's code, the first code at set-up, a texted or spoken
    code, or the proof that backup codes were saved. `entry`: the name of the entry in the app.
    """

    language: str
    time_zone: str
    now: int
    entry: str = ""
    prompt: PromptKind = "app"


Sentence = Callable[[Refused, Reader, Translations], str]


def _throttled(refused: Refused, reader: Reader, words: Translations) -> str:
    if refused.retry_at is None:
        return words.gettext("Too many tries. Wait a while, then try again.")
    return words.gettext("Too many tries. You can try again at %(time)s (%(wait)s).") % _when(
        refused, reader
    )


def _paused(refused: Refused, reader: Reader, what: What) -> str:
    return paused(
        refused, what, language=reader.language, time_zone=reader.time_zone, now=reader.now
    )


def _when(refused: Refused, reader: Reader) -> dict[str, str]:
    until = refused.retry_at or reader.now
    time = format_time(until, language=reader.language, time_zone=reader.time_zone)
    wait = format_duration(max(1, until - reader.now), reader.language)
    return {"time": time, "wait": wait}


def _retired(refused: Refused, _reader: Reader, words: Translations) -> str:
    if refused.detail.get("guessed"):
        return words.gettext(
            "This password no longer works, because someone who has it tried to guess codes. We have sent a link to your e-mail addresses: set a new one there. Your phone and app stay as they are."
        )
    return words.gettext(
        "This password no longer works, because your account was secured. We have sent a link to your e-mail addresses: set a new one there."
    )


def _step_ending(refused: Refused, _reader: Reader, words: Translations) -> str:
    minutes = refused.detail.get("minutes", 0)
    return words.ngettext(
        "This step ends in %(minutes)s minute, too soon for a code to reach you. Use another way, or start again with your password.",
        "This step ends in %(minutes)s minutes, too soon for a code to reach you. Use another way, or start again with your password.",
        minutes,
    ) % {"minutes": minutes}


def _wrong_length(refused: Refused, _reader: Reader, words: Translations) -> str:
    expected = refused.detail.get("expected", 6)
    values = {"length": refused.detail.get("length", 0), "expected": expected}
    if expected == 6:
        return words.gettext("Your code has %(expected)s digits. You entered %(length)s.") % values
    return (
        words.gettext("A backup code has %(expected)s letters and digits. You entered %(length)s.")
        % values
    )


def _wrong(refused: Refused, reader: Reader, words: Translations) -> str:
    if reader.prompt == "setup":
        first = words.gettext(
            "That is not the code we expected. Check that you are reading the entry called “%(entry)s”, then try the next code."
        ) % {"entry": reader.entry}
    elif reader.prompt == "sent":
        first = words.gettext("That code is not right. Check the newest message and type its code.")
    else:
        first = words.gettext(
            "That code is not right. Codes change every 30 seconds – wait for the next one and try again."
        )
    return _with_tries(first, refused, reader, words)


def _backup_wrong(refused: Refused, reader: Reader, words: Translations) -> str:
    if reader.prompt == "proof":
        first = words.gettext(
            "That is not one of your codes. Check what you saved, then try again."
        )
    else:
        first = words.gettext("That backup code is not right. Check each letter and try again.")
    return _with_tries(first, refused, reader, words)


def _with_tries(first: str, refused: Refused, reader: Reader, words: Translations) -> str:
    if refused.retry_at is not None:
        what: What = "backup" if refused.reason is Reason.BACKUP_CODE_WRONG else "code"
        return f"{first} {_paused(refused, reader, what)}"
    left = refused.detail.get("tries_left", 0)
    if not left:
        return first
    if reader.prompt == "sent":
        rest = words.ngettext(
            "%(left)s try left for this code.", "%(left)s tries left for this code.", left
        )
    else:
        rest = words.ngettext(
            "%(left)s try left before a short pause.",
            "%(left)s tries left before a short pause.",
            left,
        )
    return f"{first} {rest % {'left': left}}"


def _sign_in_wrong(refused: Refused, reader: Reader, words: Translations) -> str:
    """The refusal that starts a wait also says what is paused, and for how long."""
    first = words.gettext("The username or password is not right. Check both and try again.")
    if refused.retry_at is None:
        return first
    return f"{first} {_paused(refused, reader, 'password')}"


def _current_wrong(refused: Refused, reader: Reader, words: Translations) -> str:
    first = words.gettext("That is not your current password. Check it and try again.")
    if refused.retry_at is None:
        return first
    return f"{first} {_throttled(refused, reader, words)}"


def _used(refused: Refused, _reader: Reader, words: Translations) -> str:
    seconds = refused.detail.get("next_in_seconds", 0)
    if not seconds:
        return words.gettext("That code was already used. Wait for the next one.")
    return words.ngettext(
        "That code was already used. Wait for the next one (about %(seconds)s second).",
        "That code was already used. Wait for the next one (about %(seconds)s seconds).",
        seconds,
    ) % {"seconds": seconds}


def _clock_off(refused: Refused, _reader: Reader, words: Translations) -> str:
    minutes = refused.detail.get("minutes", 0)
    if minutes < 0:
        words_for = words.ngettext(
            "Right app, wrong time: your phone's clock is about %(minutes)s minute slow. Turn on automatic date and time on the phone, then enter the next code.",
            "Right app, wrong time: your phone's clock is about %(minutes)s minutes slow. Turn on automatic date and time on the phone, then enter the next code.",
            -minutes,
        )
    else:
        words_for = words.ngettext(
            "Right app, wrong time: your phone's clock is about %(minutes)s minute fast. Turn on automatic date and time on the phone, then enter the next code.",
            "Right app, wrong time: your phone's clock is about %(minutes)s minutes fast. Turn on automatic date and time on the phone, then enter the next code.",
            minutes,
        )
    return words_for % {"minutes": abs(minutes)}


def _limit(choose: Callable[[Translations, int], str]) -> Sentence:
    def say(refused: Refused, _reader: Reader, words: Translations) -> str:
        most = refused.detail.get("maximum") or refused.detail.get("minimum") or 5
        return choose(words, most) % {"most": most}

    return say


def _in_region(message: str) -> Sentence:
    def say(refused: Refused, reader: Reader, words: Translations) -> str:
        region = country_name(refused.detail.get("region", ""), reader.language)
        return words.gettext(message) % {"country": region}

    return say


def _not_in_plan(refused: Refused, reader: Reader, words: Translations) -> str:
    region = country_name(refused.detail.get("region", ""), reader.language)
    example = refused.detail.get("example", "")
    if not example:
        return words.gettext(
            "That is not a phone number in %(country)s. Check the country and the number."
        ) % {"country": region}
    return words.gettext("Enter a phone number for %(country)s, like %(example)s.") % {
        "country": region,
        "example": example,
    }


def _opted_out(refused: Refused, _reader: Reader, words: Translations) -> str:
    number = refused.detail.get("number")
    if not number:
        return words.gettext(
            "That number has asked its network to block our texts. Choose Phone call, or enter another number."
        )
    return words.gettext(
        "That number has asked its network to block our texts. Text START to %(number)s, or choose Phone call."
    ) % {"number": f"\N{LEFT-TO-RIGHT ISOLATE}{number}\N{POP DIRECTIONAL ISOLATE}"}


def _sending(refused: Refused, reader: Reader, words: Translations) -> str:
    if refused.reason is Reason.SEND_TOO_SOON:
        return words.gettext("We sent a code just now. You can ask again in %(wait)s.") % _when(
            refused, reader
        )
    if refused.retry_at is None:
        return words.gettext("We can't send another code in this sign-in. Use another way.")
    return _paused(refused, reader, "send")


SPECIAL: dict[Reason, Sentence] = {
    Reason.THROTTLED: _throttled,
    Reason.PASSWORD_RETIRED: _retired,
    Reason.STEP_ENDING: _step_ending,
    Reason.CODE_SHORT: _wrong_length,
    Reason.CODE_LONG: _wrong_length,
    Reason.CODE_WRONG: _wrong,
    Reason.CODE_USED: _used,
    Reason.SIGN_IN_WRONG: _sign_in_wrong,
    Reason.PASSWORD_CURRENT_WRONG: _current_wrong,
    Reason.BACKUP_CODE_WRONG: _backup_wrong,
    Reason.CLOCK_OFF: _clock_off,
    Reason.APP_LIMIT: _limit(lambda words, most: words.ngettext("You can have %(most)s app. Remove one first.", "You can have %(most)s apps. Remove one first.", most)),
    Reason.PASSKEY_LIMIT: _limit(lambda words, most: words.ngettext("You can have %(most)s passkey. Remove one first.", "You can have %(most)s passkeys. Remove one first.", most)),
    Reason.PHONE_LIMIT: _limit(lambda words, most: words.ngettext("You can have %(most)s backup phone. Remove one first.", "You can have %(most)s backup phones. Remove one first.", most)),
    Reason.NAME_TOO_LONG: _limit(lambda words, most: words.ngettext("Use at most %(most)s character.", "Use at most %(most)s characters.", most)),
    Reason.EMAIL_LIMIT: _limit(lambda words, most: words.ngettext("You can have %(most)s address. Remove one first.", "You can have %(most)s addresses. Remove one first.", most)),
    Reason.PASSWORD_TOO_SHORT: _limit(lambda words, most: words.ngettext("Use at least %(most)s character.", "Use at least %(most)s characters.", most)),
    Reason.PASSWORD_TOO_LONG: _limit(lambda words, most: words.ngettext("Use at most %(most)s character.", "Use at most %(most)s characters.", most)),
    Reason.NUMBER_ELSEWHERE: _in_region(N_("That is a number in %(country)s. Check the country, or the number.")),
    Reason.NUMBER_REGION_CLOSED: _in_region(N_("We can't send codes to %(country)s. Use a number from another country, or backup codes.")),
    Reason.NUMBER_NOT_IN_PLAN: _not_in_plan,
    Reason.NUMBER_OPTED_OUT: _opted_out,
    Reason.SEND_TOO_SOON: _sending,
    Reason.SEND_LIMIT: _sending,
}  # fmt: skip
