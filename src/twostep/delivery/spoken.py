r"""What a call says, as data; providers turn it into their markup.

    INTRODUCE ──the named key──▶ READ ──1──▶ READ_2 ──1──▶ READ_3
        │ ╲                       │             │
        │  another key            │ no key      │ no key
        │      ╲                  ▼             ▼
        │    INTRODUCE_AGAIN   CLOSING       CLOSING
        │    (the same arrows, but a second wrong key ends the call)
        ├──no key──▶ GOODBYE
        └──9──▶ REPORTED            (9 reports while the code is read, too)

The code is read only after the announced key is pressed: voicemail presses none, so it never
records a code. The key differs from call to call, so a greeting with recorded tones does not help
either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from twostep.core.methods.out_of_band import AGAIN_KEY, REPORT_KEY, Purpose
from twostep.i18n import N_, SOURCE, translator


READINGS = 3
DIGIT_PAUSE_SECONDS = 0.7
GROUP_PAUSE_SECONDS = 1.5  # after the third digit, as people write 123 456
SENTENCE_PAUSE_SECONDS = 1.0

_INTRODUCTIONS = {
    Purpose.SIGN_IN: N_("This is {panel} with a sign-in code you asked for."),
    Purpose.ADD_PHONE: N_("This is {panel} with a code to add this phone."),
    Purpose.STEP_UP: N_("This is {panel} with a code to confirm a change."),
}
_PRESS = N_("To hear it, press {key}.")
_REPORT = N_("If you did not ask for this call, press {key} and change your password.")
_HERE = N_("Your code is:")
_AGAIN = N_("To hear it again, press {key}.")
_CLOSING = N_("Never tell anyone this code. We will never ask you for it. Goodbye.")
_NO_KEY = N_("Goodbye.")
_REPORTED = N_(
    "Thank you. This code no longer works. Someone may know your password: change it now. Goodbye."
)
_DIGITS = (
    N_("zero"),
    N_("one"),
    N_("two"),
    N_("three"),
    N_("four"),
    N_("five"),
    N_("six"),
    N_("seven"),
    N_("eight"),
    N_("nine"),
)


class Step(StrEnum):
    """Where a call stands."""

    INTRODUCE = "introduce"
    INTRODUCE_AGAIN = "introduce_again"
    READ = "read"
    READ_2 = "read_2"
    READ_3 = "read_3"
    CLOSING = "closing"
    REPORTED = "reported"
    GOODBYE = "goodbye"


_LAST_WORDS = {Step.CLOSING: _CLOSING, Step.REPORTED: _REPORTED, Step.GOODBYE: _NO_KEY}
_AFTER_READING = {Step.READ: Step.READ_2, Step.READ_2: Step.READ_3}


@dataclass(frozen=True, slots=True)
class Say:
    """Words to be spoken."""

    words: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence."""

    seconds: float


Spoken = tuple[Say | Pause, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """A whole call in one language, which is also the voice's.

    `key`: the key that starts the reading, 2 to 8.
    """

    code: str = field(repr=False)
    key: str
    panel: str
    purpose: Purpose
    language: str

    def next_step(self, step: Step, pressed: str) -> Step:
        """Return the step that a key leads to; an empty string means that none was pressed."""
        if step in {Step.INTRODUCE, Step.INTRODUCE_AGAIN}:
            return self._after_introduction(step, pressed)
        if step not in _AFTER_READING:
            return Step.GOODBYE
        if pressed == REPORT_KEY:
            return Step.REPORTED
        return _AFTER_READING[step] if pressed == AGAIN_KEY else Step.CLOSING

    def _after_introduction(self, step: Step, pressed: str) -> Step:
        if pressed == self.key:
            return Step.READ
        if pressed == REPORT_KEY:
            return Step.REPORTED
        if pressed and step is Step.INTRODUCE:
            return Step.INTRODUCE_AGAIN
        return Step.GOODBYE

    def spoken(self, step: Step) -> Spoken:
        """Return what is said on entering a step, before waiting for a key."""
        if step in {Step.INTRODUCE, Step.INTRODUCE_AGAIN}:
            return ()
        if step in _AFTER_READING:
            return self._readings()
        if step is Step.READ_3:
            return (*self._readings(), *self._say(_CLOSING))
        return self._say(_LAST_WORDS[step])

    def offered(self, step: Step) -> Spoken:
        """Return what is said while waiting for a key; empty if the step does not wait."""
        if step in {Step.INTRODUCE, Step.INTRODUCE_AGAIN}:
            return (*self._introduction(), Pause(SENTENCE_PAUSE_SECONDS), *self._introduction())
        if step in _AFTER_READING:
            return (Say(self._words(_AGAIN).format(key=self._digit(AGAIN_KEY))),)
        return ()

    def as_text(self) -> str:
        """Write the call as one text, with the code in figures: for the fake phone and tests."""
        again = self._words(_AGAIN).format(key=AGAIN_KEY)
        lead, figures = self._words(_HERE), ", ".join(self.code)
        reading = " ".join([f"{lead} {figures}."] * READINGS)
        return " ".join([*self._sentences(str), reading, again, self._words(_CLOSING)])

    def _say(self, message: str) -> Spoken:
        return (Say(self._words(message)),)

    def _introduction(self) -> Spoken:
        return tuple(Say(sentence) for sentence in self._sentences(self._digit))

    def _sentences(self, spell: Callable[[str], str]) -> tuple[str, ...]:
        return (
            self._words(_INTRODUCTIONS[self.purpose]).format(panel=self.panel),
            self._words(_PRESS).format(key=spell(self.key)),
            self._words(_REPORT).format(key=spell(REPORT_KEY)),
        )

    def _readings(self) -> Spoken:
        digits: list[Say | Pause] = []
        for place, figure in enumerate(self.code):
            if place:
                longer = place == len(self.code) // 2
                digits.append(Pause(GROUP_PAUSE_SECONDS if longer else DIGIT_PAUSE_SECONDS))
            digits.append(Say(self._digit(figure)))
        reading = (Say(self._words(_HERE)), *digits, Pause(GROUP_PAUSE_SECONDS))
        return reading * READINGS

    def _digit(self, figure: str) -> str:
        return self._words(_DIGITS[int(figure)])

    def _words(self, message: str) -> str:
        return translator(self.language).gettext(message)


def new_script(*, code: str, key: str, panel: str, purpose: Purpose, language: str) -> Script:
    """Write a call in that language, or all of it in English if any sentence is untranslated.

    A German voice reading one English sentence helps nobody, so the two are never mixed.
    """
    return Script(
        code=code,
        key=key,
        panel=panel,
        purpose=purpose,
        language=language if _is_whole(language) else SOURCE,
    )


def _is_whole(language: str) -> bool:
    if language == SOURCE:
        return True
    gettext = translator(language).gettext
    sentences = (*_INTRODUCTIONS.values(), _PRESS, _REPORT, _HERE, _AGAIN, _CLOSING, _REPORTED)
    # One digit's word may be the same in two languages ("six"), but never all ten.
    return all(gettext(message) != message for message in (*sentences, _NO_KEY)) and any(
        gettext(digit) != digit for digit in _DIGITS
    )
