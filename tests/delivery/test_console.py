"""The fake provider behaves well, or badly on demand; a hanging one never holds the worker."""

from __future__ import annotations

import asyncio

import pytest

from twostep.core.messages.channel import Channel
from twostep.core.methods.out_of_band import Purpose, SendState
from twostep.delivery.console import Behaviour, Console, Inbox
from twostep.delivery.message import CallMessage, MailMessage, TextMessage
from twostep.delivery.port import (
    Accepted,
    Ambiguous,
    Failure,
    Permanent,
    StatusReport,
    redact,
    send_in_time,
)
from twostep.delivery.spoken import new_script


SCRIPT = new_script(code="482915", key="4", panel="P", purpose=Purpose.SIGN_IN, language="en")
TEXT = TextMessage(id="1", to="+12025550100", text="t", code="482915", language="en", expires_at=9)
CALL = CallMessage(id="2", to="+12025550100", script=SCRIPT, expires_at=9)
MAIL = MailMessage(
    id="3", to="a@example.com", subject="s", text="t", html="h", language="en", made_at=1
)


async def no_pause(_seconds):
    await asyncio.sleep(0)


def run(message, behaviour=Behaviour.OK, *, seconds=15.0, pause=no_pause):
    async def go():
        inbox, reports = Inbox(), []
        reported = asyncio.Event()

        async def report(news):
            reports.append(news)
            reported.set()

        console = Console(inbox, behave=lambda _message: behaviour, report=report, pause=pause)
        outcome = await send_in_time(console, message, now=7, seconds=seconds)
        if isinstance(outcome, Accepted):
            await reported.wait()
        await console.close()
        return outcome, inbox, reports

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("message", "kind"), [(TEXT, Channel.SMS), (CALL, Channel.CALL), (MAIL, Channel.EMAIL)]
)
def test_a_good_day(message, kind):
    outcome, inbox, reports = run(message)
    assert outcome == Accepted(f"console-{message.id}")
    received = inbox.find(message.id)
    assert (received.channel, received.message, received.at) == (kind, message, 7)
    assert reports == [StatusReport(message.id, SendState.DELIVERED)]


def test_the_text_of_a_call_is_its_whole_script():
    assert "4, 8, 2, 9, 1, 5." in CALL.text
    assert "press 4" in CALL.text
    assert (CALL.code, CALL.language) == ("482915", "en")


@pytest.mark.parametrize(
    ("behaviour", "failure"),
    [
        (Behaviour.REFUSED, Failure.REFUSED),
        (Behaviour.OPTED_OUT, Failure.OPTED_OUT),
        (Behaviour.LANDLINE, Failure.LANDLINE),
    ],
)
def test_saying_no_at_once(behaviour, failure):
    outcome, inbox, reports = run(TEXT, behaviour)
    assert outcome == Permanent(failure)
    assert inbox.find("1") is None
    assert reports == []


def test_accepting_and_failing_later():
    outcome, inbox, reports = run(TEXT, Behaviour.UNDELIVERED)
    assert isinstance(outcome, Accepted)
    assert inbox.find("1") is None
    assert reports == [StatusReport("1", SendState.FAILED, Failure.UNREACHABLE)]


def test_not_answering_is_ambiguous_and_nothing_arrives():
    async def never(_seconds):
        await asyncio.Event().wait()

    outcome, inbox, _ = run(TEXT, Behaviour.TIMEOUT, seconds=0.05, pause=never)
    assert isinstance(outcome, Ambiguous)
    assert inbox.find("1") is None


def test_the_newest_stands_first_and_clearing_forgets():
    async def go():
        inbox = Inbox()
        console = Console(inbox)
        for message in (TEXT, CALL):
            await console.send(message, now=7)
        return inbox

    inbox = asyncio.run(go())
    assert [received.message.id for received in inbox.received] == ["2", "1"]
    inbox.clear()
    assert not inbox.received


def test_messages_hide_their_content():
    shown = repr((TEXT, CALL, MAIL))
    for secret in ("482915", "2025550100", "a@example.com"):
        assert secret not in shown


def test_error_text_is_fit_for_a_log():
    assert redact("The number +1 202 555 0100\nof <bob@example.com>\x0b is bad") == (
        "The number +x xxx xxx xxxx of (address) is bad"
    )
    assert len(redact("a" * 9999)) == 200
