"""Calls on the fake phone: ringing, answered, what was heard, over.

    RINGING ──answer, or any key──▶ TALKING ──keys──▶ OVER
       └──30 seconds──▶ MISSED       (a voicemail box heard the introduction, never the code)

What is said next is the product's answer, by the same flow that providers' callbacks go through.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from twostep.delivery.console import Received
from twostep.delivery.port import KeyReport
from twostep.delivery.spoken import GROUP_PAUSE_SECONDS, Pause, Say, Script, Spoken, Step
from twostep.flows.env import Env
from twostep.flows.messages import reports as telephony
from twostep.flows.turn import by_system


RING_SECONDS = 30
KEYS = "123456789*0#"
_LAST_STEPS = frozenset({Step.READ_3, Step.CLOSING, Step.REPORTED, Step.GOODBYE})


class CallState(StrEnum):
    """Where a call stands on the phone."""

    RINGING = "ringing"
    MISSED = "missed"
    TALKING = "talking"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Heard:
    """A line of the call. `by`: the voice, or the key that was pressed."""

    by: str
    words: str


@dataclass(slots=True)
class AnsweredCall:
    """A call that was answered."""

    step: Step = Step.INTRODUCE
    is_over: bool = False
    heard: list[Heard] = field(default_factory=list)


class Calls:
    """Every call that was answered, by the message's id. `clear` at a reset."""

    def __init__(self) -> None:
        self._answered: dict[str, AnsweredCall] = {}

    def clear(self) -> None:
        """Forget every call."""
        self._answered.clear()

    def find(self, message_id: str) -> AnsweredCall | None:
        """The call, if it was answered."""
        return self._answered.get(message_id)

    def state(self, received: Received, *, now: int) -> CallState:
        """Where the call stands."""
        call = self.find(received.message.id)
        if call is not None:
            return CallState.OVER if call.is_over else CallState.TALKING
        rings = 0 <= now - received.at < RING_SECONDS
        return CallState.RINGING if rings else CallState.MISSED

    async def answer(self, env: Env, message_id: str) -> AnsweredCall:
        """Pick the phone up; again changes nothing."""
        call = self._answered.get(message_id)
        if call is None:
            call = self._answered[message_id] = AnsweredCall()
            await self._say(env, message_id, call, pressed=None)
        return call

    async def press(self, env: Env, message_id: str, key: str) -> AnsweredCall:
        """Press a key, picking the phone up before; a call that is over takes none."""
        call = await self.answer(env, message_id)
        if not call.is_over:
            call.heard.append(Heard("key", key))
            await self._say(env, message_id, call, pressed=key)
        return call

    def hang_up(self, message_id: str) -> None:
        """End the call, or do not take it at all."""
        self._answered.setdefault(message_id, AnsweredCall()).is_over = True

    async def _say(
        self, env: Env, message_id: str, call: AnsweredCall, *, pressed: str | None
    ) -> None:
        report = KeyReport(message_id=message_id, step=call.step, pressed=pressed)
        said = await by_system(env).run(telephony.answer_call, report)
        if said is None:  # the code has ended, and the product hangs up
            call.is_over = True
            return
        call.step = said.step
        call.heard += [Heard("voice", words) for words in captions(said.script, said.step)]
        call.is_over = said.step in _LAST_STEPS


def captions(script: Script, step: Step) -> list[str]:
    """What is heard on arriving at a step, as lines; digits stand in one line."""
    offered = script.offered(step)
    # The introduction is said twice; once is enough to read.
    once = (
        offered[: len(offered) // 2] if step in {Step.INTRODUCE, Step.INTRODUCE_AGAIN} else offered
    )
    return _lines((*script.spoken(step), *once))


def _lines(spoken: Spoken) -> list[str]:
    lines: list[str] = []
    digits: list[str] = []
    for part in spoken:
        match part:
            case Pause(seconds) if digits and seconds == GROUP_PAUSE_SECONDS:
                digits.append("–")
            case Say(words) if words.endswith((".", ":")):
                _close(lines, digits)
                lines.append(words)
            case Say(words):
                digits.append(words)
            case _:
                pass
    _close(lines, digits)
    return lines


def _close(lines: list[str], digits: list[str]) -> None:
    """Put the digits so far on the line that announced them."""
    if digits:
        lines[-1:] = [" ".join([*lines[-1:], *digits]).rstrip("– ") + "."]
        digits.clear()
