"""First provider dead, slow, unsure or full: where the message goes, how often, and what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.support.house import House, open_house
from twostep.core.messages.breaker import FAILURES
from twostep.core.messages.channel import Channel
from twostep.core.methods.out_of_band import Purpose, SendState
from twostep.core.refusal import Reason, Refused
from twostep.delivery.console import Console, Inbox
from twostep.delivery.message import Message
from twostep.delivery.port import (
    Accepted,
    Ambiguous,
    Failure,
    Misconfigured,
    Permanent,
    SendOutcome,
    StatusReport,
    Temporary,
    Throttled,
)
from twostep.flows.env import Env
from twostep.flows.messages.failover import troubled_channels
from twostep.flows.messages.message_view import view_delivery
from twostep.flows.messages.reports import record_status
from twostep.flows.messages.send_code import Sent, send_code
from twostep.flows.operate.delivery_status import DeliveryStatus, view_delivery_status
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.sign_in.second_step_view import view_second_step
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.messages import outbox
from twostep.store.messages.outbox import OutboxRow


SETTINGS = {
    "twilio__account_sid": "AC" + "0" * 32,
    "twilio__auth_token": "x",
    "twilio__from_number": "+12025550199",
    "vonage__api_key": "abcdef",
    "vonage__api_secret": "x",
    "vonage__from": "Panel",
    "delivery__sms": ["twilio", "vonage"],
}


@dataclass
class Provider:
    """A provider that says what a test tells it to, and remembers what it was given."""

    name: str
    says: Callable[[Message], SendOutcome]
    given: list[Message] = field(default_factory=list)
    kinds = frozenset({Channel.SMS, Channel.CALL})

    async def send(self, message: Message, *, now: int) -> SendOutcome:  # noqa: ARG002  the port's
        self.given.append(message)
        return self.says(message)


def saying(name: str, *outcomes: SendOutcome) -> Provider:
    """Says these one after the other, and the last one for ever."""
    left = list(outcomes)
    return Provider(name, lambda _message: left.pop(0) if len(left) > 1 else left[0])


GOOD = Accepted("id")


@dataclass
class Story:
    """A house with two providers of texts, an account with a phone, and its half session."""

    house: House
    phone_id: str
    half: SignedIn

    @property
    def env(self) -> Env:
        return self.house.env

    async def send(self, channel: str = "sms") -> Sent | Refused:
        sent = await self.house.by(token=self.half.token).do(
            send_code,
            self.half.session,
            purpose=Purpose.SIGN_IN,
            phone_id=self.phone_id,
            channel=channel,
        )
        await self.house.settle()
        return sent

    async def sign_in(self) -> None:
        self.half = await self.house.sign_in()

    async def wait(self, seconds: int) -> None:
        self.house.clock.forward(seconds)
        await self.house.settle()

    def row(self) -> OutboxRow:
        rows = self.env.store.read_now(outbox.list_of_attempt, self.half.session.id, since=0)
        return rows[0]

    def shown(self) -> tuple[SendState, str]:
        view = self.house.see(view_delivery, self.half.session, purpose=Purpose.SIGN_IN)
        assert view is not None
        return view.state, view.reason

    def status(self) -> DeliveryStatus:
        return self.house.see(view_delivery_status)


def tell(
    folder: Path,
    providers: Sequence[Provider],
    story: Callable[[Story], object],
    **settings: object,
) -> None:
    """Open the house, enrol with a channel that works, then let the providers take over."""

    async def run() -> None:
        inbox = Inbox()
        console = Console(inbox)
        working: list[object] = [console]
        channels = {Channel.SMS: working, Channel.CALL: working, Channel.EMAIL: [console]}
        async with open_house(folder, channels=channels, **{**SETTINGS, **settings}) as opened:
            house = replace(opened, inbox=inbox)
            await house.add()
            _, signed_in = await house.add_app(await house.sign_in())
            phone_id = await house.add_phone(signed_in)
            house.clock.forward(4000)
            half = await house.sign_in()
            await house.settle()
            working[:] = providers
            await story(Story(house, phone_id, half))

    asyncio.run(run())


@pytest.mark.parametrize(
    "outcome", [Temporary("no connection"), Throttled(30), Misconfigured("balance")]
)
def test_what_surely_was_not_sent_leaves_through_the_next_at_once(
    tmp_path: Path, outcome: SendOutcome
) -> None:
    first, second = saying("twilio", outcome), saying("vonage", GOOD)

    async def story(it: Story) -> None:
        assert isinstance(await it.send(), Sent)
        assert it.shown()[0] is SendState.ACCEPTED
        assert (len(first.given), len(second.given)) == (1, 1)
        assert it.row().provider == "vonage"

    tell(tmp_path, [first, second], story)


@pytest.mark.parametrize("failure", [Failure.UNUSABLE, Failure.LANDLINE, Failure.OPTED_OUT])
def test_what_will_never_work_is_not_tried_elsewhere(tmp_path: Path, failure: Failure) -> None:
    first, second = saying("twilio", Permanent(failure)), saying("vonage", GOOD)

    async def story(it: Story) -> None:
        await it.send()
        assert it.shown() == (SendState.FAILED, str(failure))
        assert second.given == []

    tell(tmp_path, [first, second], story)


def test_no_answer_is_shown_at_once_and_sent_once_more_after_ten_seconds(tmp_path: Path) -> None:
    first, second = saying("twilio", Ambiguous("hang")), saying("vonage", GOOD)

    async def story(it: Story) -> None:
        await it.send()
        assert it.shown() == (SendState.FAILED, "no_answer")
        await it.wait(9)
        assert second.given == []
        await it.wait(1)
        assert it.shown()[0] is SendState.ACCEPTED
        assert [message.code for message in second.given] == [
            message.code for message in first.given
        ]

    tell(tmp_path, [first, second], story)


def test_two_copies_are_the_most(tmp_path: Path) -> None:
    only = saying("twilio", Ambiguous("hang"))

    async def story(it: Story) -> None:
        await it.send()
        for _ in range(20):
            await it.wait(10)
        assert len(only.given) == 2
        assert it.shown() == (SendState.FAILED, "no_answer")

    tell(tmp_path, [only], story)


def test_a_report_within_those_seconds_saves_the_second_copy(tmp_path: Path) -> None:
    first, second = saying("twilio", Ambiguous("hang")), saying("vonage", GOOD)

    async def story(it: Story) -> None:
        await it.send()
        report = StatusReport(it.row().id, SendState.DELIVERED)
        await it.house.by().do(record_status, report, provider="twilio")
        await it.wait(60)
        assert second.given == []
        assert it.shown()[0] is SendState.DELIVERED

    tell(tmp_path, [first, second], story)


def _queue_for_later(turn: Turn, it: Story, *, at: int) -> None:
    """Ask for a code whose message is not due before `at`, so that the house's own worker waits."""
    send_code(
        turn,
        it.half.session,
        purpose=Purpose.SIGN_IN,
        phone_id=it.phone_id,
        channel="sms",
    )
    row = outbox.list_of_attempt(turn.tx, it.half.session.id, since=0)[0]
    outbox.postpone(turn.tx, row.id, next_at=at, reason="")


def test_a_lapsed_lease_counts_as_a_copy(tmp_path: Path) -> None:
    only = saying("twilio", GOOD)

    async def story(it: Story) -> None:
        store, later = it.env.store, it.house.now + 100
        await it.house.by(token=it.half.token).do(_queue_for_later, it, at=later)
        claimed = [
            await store.run(outbox.claim_due, now=later + wait, lease_seconds=60, limit=9)
            for wait in (0, 30, 60, 120)
        ]
        assert [[row.copies for row in rows] for rows in claimed] == [[0], [], [1], [2]]
        await it.wait(280)
        assert only.given == []
        assert it.shown() == (SendState.FAILED, "no_answer")

    tell(tmp_path, [only], story)


def test_trouble_is_tried_again_after_two_and_eight_seconds(tmp_path: Path) -> None:
    only = saying("twilio", Temporary("x"), Temporary("x"), GOOD)

    async def story(it: Story) -> None:
        await it.send()
        assert it.shown()[0] is SendState.QUEUED
        await it.wait(4)
        assert len(only.given) == 2
        await it.wait(12)
        assert it.shown()[0] is SendState.ACCEPTED

    tell(tmp_path, [only], story)


def test_after_five_failures_the_page_says_so_and_nothing_is_counted(tmp_path: Path) -> None:
    only = saying("twilio", *[Misconfigured("password")] * FAILURES, GOOD)

    async def story(it: Story) -> None:
        for _ in range(2):
            await it.send()
            await it.wait(4)
            await it.wait(12)
            await it.sign_in()
        assert len(only.given) == FAILURES
        store, now = it.env.store, it.house.now
        assert it.house.see_at(now, troubled_channels) == {"sms"}
        account = store.read_now(accounts.load, it.half.session.account_id)
        assert account is not None
        view = it.house.see_at(
            now, view_second_step, account, it.half.session, purpose=Purpose.SIGN_IN
        )
        assert view.troubled == {"sms"}
        assert it.status().troubled == ("sms",)
        alarms = {alarm.event for alarm in it.status().alarms}
        assert alarms == {"provider.failing", "provider.tripped"}
        assert await it.send() == Refused(Reason.CHANNEL_OFF)
        assert len(only.given) == FAILURES
        # A minute later one message probes, and closes it.
        await it.wait(60)
        await it.sign_in()
        assert isinstance(await it.send(), Sent)
        assert it.shown()[0] is SendState.ACCEPTED
        assert it.status().troubled == ()
        assert {alarm.event for alarm in it.status().alarms} == {
            "provider.failing",
            "provider.tripped",
            "provider.restored",
        }

    tell(tmp_path, [only], story, delivery__sms=["twilio"])


def test_a_country_has_its_own_order(tmp_path: Path) -> None:
    first, second = saying("twilio", GOOD), saying("vonage", GOOD)

    async def story(it: Story) -> None:
        await it.send()
        assert (len(first.given), len(second.given)) == (0, 1)

    order = {"US": ["vonage", "twilio"]}
    tell(tmp_path, [first, second], story, delivery__country_providers=order)


def test_who_opted_out_is_remembered_until_they_text_start(tmp_path: Path) -> None:
    only = saying("twilio", Permanent(Failure.OPTED_OUT))

    async def story(it: Story) -> None:
        await it.send()
        assert it.status().opted_out == 1
        await it.sign_in()
        refused = Refused(Reason.NUMBER_OPTED_OUT, detail={"number": "+12025550199"})
        assert await it.send() == refused
        await it.wait(31 * 86_400)
        await it.sign_in()
        assert isinstance(await it.send(), Sent)

    tell(tmp_path, [only], story)


def test_a_provider_that_hangs_holds_up_neither_pages_nor_other_messages(tmp_path: Path) -> None:
    asked = asyncio.Event()

    class Hanging(Provider):
        async def send(self, message: Message, *, now: int) -> SendOutcome:  # noqa: ARG002  as above
            self.given.append(message)
            asked.set()
            await asyncio.Event().wait()
            return GOOD

    first = Hanging("twilio", lambda _message: GOOD)

    async def story(it: Story) -> None:
        async def ask() -> Sent | Refused:
            return await it.house.by(token=it.half.token).do(
                send_code,
                it.half.session,
                purpose=Purpose.SIGN_IN,
                phone_id=it.phone_id,
                channel="sms",
            )

        assert isinstance(await ask(), Sent)
        await asked.wait()
        # It hangs; the page still answers, and the account's mails still leave.
        assert it.shown()[0] is SendState.QUEUED
        it.house.clock.forward(120)
        assert isinstance(await ask(), Sent)
        for task in list(it.house.outbox._sending):
            task.cancel()

    tell(tmp_path, [first], story)
