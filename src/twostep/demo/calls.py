"""Calls on the fake phone: their state and what was heard.

    RINGING ──answer, or any key──▶ TALKING ──keys──▶ OVER
       └──30 seconds──▶ MISSED       (voicemail recorded the introduction, never the code)

The product decides what is said next, in the same flow that handles providers' callbacks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from twostep.delivery.console import Received
from twostep.delivery.port import KeyReport
from twostep.delivery.spoken import GROUP_PAUSE_SECONDS, Pause, Say, Script, Spoken, Step
from twostep.flows.env import Env
from twostep.flows.messages import reports
from twostep.flows.turn import by_system


RING_SECONDS = 30
KEYS = "123456789*0#"
_LAST_STEPS = frozenset({Step.READ_3, Step.CLOSING, Step.REPORTED, Step.GOODBYE})


class CallState(StrEnum):
    """The state of a call on the phone."""

    RINGING = "ringing"
    MISSED = "missed"
    TALKING = "talking"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Heard:
    """A line of the call. `by`: `voice` or `key`."""

    by: str
    words: str


@dataclass(slots=True)
class AnsweredCall:
    """A call that was answered."""

    step: Step = Step.INTRODUCE
    is_over: bool = False
    heard: list[Heard] = field(default_factory=list)


class Calls:
    """The answered calls, by message id."""

    def __init__(self) -> None:
        self._answered: dict[str, AnsweredCall] = {}

    def clear(self) -> None:
        """Forget every call."""
        self._answered.clear()

    def find(self, message_id: str) -> AnsweredCall | None:
        """The call, if it was answered."""
        return self._answered.get(message_id)

    def state(self, received: Received, *, now: int) -> CallState:
        """The state of the call."""
        call = self.find(received.message.id)
        if call is not None:
            return CallState.OVER if call.is_over else CallState.TALKING
        is_ringing = 0 <= now - received.at < RING_SECONDS
        return CallState.RINGING if is_ringing else CallState.MISSED

    async def answer(self, env: Env, message_id: str) -> AnsweredCall:
        """Answer the call; a second time changes nothing."""
        call = self._answered.get(message_id)
        if call is None:
            call = self._answered[message_id] = AnsweredCall()
            await self._continue(env, message_id, call, pressed=None)
        return call

    async def press(self, env: Env, message_id: str, key: str) -> AnsweredCall:
        """Press a key, answering the call first; ignored once the call is over."""
        call = await self.answer(env, message_id)
        if not call.is_over:
            call.heard.append(Heard("key", key))
            await self._continue(env, message_id, call, pressed=key)
        return call

    def hang_up(self, message_id: str) -> None:
        """End the call, or decline it."""
        self._answered.setdefault(message_id, AnsweredCall()).is_over = True

    async def _continue(
        self, env: Env, message_id: str, call: AnsweredCall, *, pressed: str | None
    ) -> None:
        report = KeyReport(message_id=message_id, step=call.step, pressed=pressed)
        answer = await by_system(env).run(reports.answer_call, report)
        if answer is None:  # the code has expired, and the product hangs up
            call.is_over = True
            return
        call.step = answer.step
        call.heard += [Heard("voice", words) for words in captions(answer.script, answer.step)]
        call.is_over = answer.step in _LAST_STEPS


def captions(script: Script, step: Step) -> list[str]:
    """What is heard at a step, as lines; the digits of a code share a line."""
    offered = script.offered(step)
    # The introduction is spoken twice; reading it once is enough.
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
    """Append the collected digits to the line that announced them."""
    if digits:
        lines[-1:] = [" ".join([*lines[-1:], *digits]).rstrip("– ") + "."]
        digits.clear()
