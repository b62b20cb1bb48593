"""A mail server that is away, refuses or breaks: mails wait, somebody is told, and links still work."""

from __future__ import annotations

import asyncio
import email
import email.policy
import email.utils
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.delivery.mail.test_smtp import Mailbox, running, settings
from tests.flows.messages.test_failover import GOOD, Provider, Story, saying, tell
from tests.support.product import Browser, TestProduct, open_test_product, words
from tests.support.waiting import PATIENCE_SECONDS
from twostep.core.audit import event
from twostep.core.messages.channel import Channel
from twostep.delivery.console import Console, Inbox
from twostep.delivery.mail.notice import NoticeKind
from twostep.delivery.mail.smtp import Smtp
from twostep.delivery.message import Message
from twostep.delivery.port import SendOutcome, Temporary
from twostep.flows.messages.queue_message import TEST
from twostep.flows.operate.delivery_status import DeliveryStatus, view_delivery_status
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.messages import outbox
from twostep.store.messages.outbox import OutboxRow
from twostep.store.tx import Tx


HOUR = 3600
UNKNOWN = "550 5.1.1 unknown"


@contextmanager
def panel(folder: Path, mailbox: Mailbox) -> Iterator[TestProduct]:
    """The product with a real mail server and two accounts whose first mails have left."""
    console = Console(Inbox())
    with ExitStack() as stack:
        port = stack.enter_context(running(mailbox))
        channels = {
            Channel.EMAIL: [Smtp(settings(port))],
            Channel.SMS: [console],
            Channel.CALL: [console],
        }
        product = stack.enter_context(open_test_product(folder, channels=channels))
        product.add_account()
        product.deliver()
        mailbox.mails.clear()
        product.clock.forward(HOUR)
        yield product


def ask_for_link(product: TestProduct, name: str = "alice") -> Browser:
    browser = product.browser(network=f"203.0.113.{len(name)}")
    assert browser.post("/forgot-password", username=name).status_code in {200, 303}
    product.deliver()
    return browser


def mail_in(mailbox: Mailbox) -> list[tuple[str, str]]:
    """Date and link of each mail that arrived."""
    read = []
    for envelope in mailbox.mails:
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        (text, _) = mail.iter_parts()
        link = re.search(r"https://\S+(/reset-password\S+)", text.get_content())
        read.append((str(mail["Date"]), link[1] if link else ""))
    return read


def status(product: TestProduct) -> DeliveryStatus:
    return product.house.see(view_delivery_status)


def waiting(product: TestProduct) -> list[tuple[str, int]]:
    return [(row.reason, row.count) for row in status(product).messages if row.state == "queued"]


def test_a_link_outlives_a_mail_server_that_is_away_for_hours(tmp_path: Path) -> None:
    with panel(tmp_path, mailbox := Mailbox()) as product:
        mailbox.replies["mail"] = "451 4.3.0 away"
        asked_at = product.clock.now
        browser = ask_for_link(product)
        assert waiting(product) == [("temporary", 1)]
        product.clock.forward(5 * HOUR)
        mailbox.replies.clear()
        product.deliver()
        ((date, link),) = mail_in(mailbox)
        assert email.utils.parsedate_to_datetime(date).timestamp() == asked_at + 5 * HOUR
        product.clock.forward(HOUR - 60)
        assert "new password" in words(browser.get(link))
        product.clock.forward(61)
        assert browser.get(link).status_code == 404


def test_a_link_that_was_withdrawn_is_not_mailed_any_more(tmp_path: Path) -> None:
    with panel(tmp_path, mailbox := Mailbox()) as product:
        first = ask_for_link(product)
        ((_, link),) = mail_in(mailbox)
        mailbox.replies["mail"] = "451 4.3.0 away"
        ask_for_link(product)
        mailbox.mails.clear()
        answer = first.post(link, password="four unrelated paper boats")
        assert answer.status_code == 303, words(answer)
        product.clock.forward(HOUR)
        mailbox.replies.clear()
        product.deliver()
        assert [link for _, link in mail_in(mailbox) if link] == []


@pytest.mark.parametrize(
    "replies",
    [
        {"rcpt": "504 5.5.2 Helo command rejected"},
        {"rcpt": "554 5.7.1 Relay access denied"},
        {"mail": "553 5.7.1 not owned by user panel"},
        {"data": "554 5.7.1 looks like spam"},
    ],
)
def test_what_the_operator_must_mend_keeps_the_mail_and_is_shown(
    tmp_path: Path, replies: dict[str, str]
) -> None:
    with panel(tmp_path, mailbox := Mailbox(**replies)) as product:
        ask_for_link(product)
        assert ("configuration", 1) in waiting(product)
        for _ in range(4):
            product.clock.forward(700)
            product.deliver()
        (smtp,) = (row for row in status(product).health if row.name == "smtp")
        assert next(iter(replies.values()))[:3] in smtp.failing_reason
        assert event.PROVIDER_FAILING in {alarm.event for alarm in status(product).alarms}
        mailbox.replies.clear()
        product.clock.forward(20 * HOUR)
        product.deliver()
        assert [bool(link) for _, link in mail_in(mailbox)].count(True) == 1
        assert waiting(product) == []


def test_a_mail_server_that_works_again_gets_all_that_waits(tmp_path: Path) -> None:
    with panel(tmp_path, mailbox := Mailbox()) as product:
        for name in ("bob", "carol"):
            product.add_account(name)
        product.deliver()
        mailbox.mails.clear()
        mailbox.replies["mail"] = "451 4.3.0 away"
        ask_for_link(product, "bob")
        for _ in range(5):  # until the next try is half an hour away
            product.clock.forward(700)
            product.deliver()
        assert mailbox.mails == []
        mailbox.replies.clear()
        product.clock.forward(70)
        ask_for_link(product, "carol")
        product.deliver()
        assert sorted(mail.rcpt_tos[0] for mail in mailbox.mails) == [
            "bob@example.com",
            "carol@example.com",
        ]


def test_the_third_account_in_a_row_is_not_the_one_that_is_wrong(tmp_path: Path) -> None:
    with panel(tmp_path, mailbox := Mailbox()) as product:
        names = ["bob", "carol", "dave"]
        for name in names:
            product.add_account(name)
        product.deliver()
        mailbox.replies["rcpt"] = UNKNOWN
        for name in names:
            ask_for_link(product, name)
        assert [bounce.name for bounce in status(product).bounces] == ["bob", "carol"]
        assert ("configuration", 1) in waiting(product)


def test_a_bounce_is_logged_and_shown_until_a_mail_arrives(tmp_path: Path) -> None:
    with panel(tmp_path, mailbox := Mailbox()) as product, capture_logs() as logs:
        mailbox.replies["rcpt"] = UNKNOWN
        ask_for_link(product)
        (line,) = (line for line in logs if line["event"] == "outbox.bounced")
        assert line["to"] == "a•••@example.com"
        assert "alice@" not in str(logs)
        assert [(row.name, row.address) for row in status(product).bounces] == [
            ("alice", "a•••@example.com")
        ]
        mailbox.replies.clear()
        ask_for_link(product)
        assert status(product).bounces == ()


def _raise(_message: Message) -> SendOutcome:
    "ä".encode("ascii")
    return GOOD


def test_what_a_carrier_raises_is_a_failure_of_its_own(tmp_path: Path) -> None:
    first, second = Provider("twilio", _raise), saying("vonage", GOOD)

    async def story(it: Story) -> None:
        await it.send()
        assert it.row().state == "accepted"
        assert (it.row().provider, len(first.given)) == ("vonage", 1)
        health = {row.name: (row.accepted, row.failed) for row in it.status().health}
        assert (health["twilio"], health["vonage"]) == ((0, 1), (1, 0))

    tell(tmp_path, [first, second], story)


def test_a_library_that_raises_delays_a_mail_and_does_not_end_it(tmp_path: Path) -> None:
    mails = Provider("console", _raise)
    channels = {Channel.EMAIL: [mails], Channel.SMS: [], Channel.CALL: []}
    with open_test_product(tmp_path, channels=channels) as product:
        product.add_account()
        ask_for_link(product)
        assert [reason for reason, _ in waiting(product)] == ["configuration"]
        mails.says = lambda _message: GOOD
        product.clock.forward(20 * HOUR)
        product.deliver()
        assert waiting(product) == []
        assert status(product).messages[0].state == "accepted"


def test_a_provider_that_always_fails_is_seen_on_a_quiet_day(tmp_path: Path) -> None:
    first, second = saying("twilio", Temporary("HTTP 500")), saying("vonage", GOOD)

    async def story(it: Story) -> None:
        it.house.clock.forward(86_400 - it.house.now % 86_400)  # the day begins
        for count in range(1, 5):
            await it.sign_in()
            await it.send()
            assert it.row().provider == "vonage"
            alarms = [(row.event, row.data.get("failed")) for row in it.status().alarms]
            assert alarms == ([(event.PROVIDER_FAILING, 3)] if count >= 3 else [])
            await it.wait(2 * HOUR)
        (twilio,) = (row for row in it.status().health if row.name == "twilio")
        assert (twilio.accepted, twilio.failed, twilio.failing_reason) == (0, 4, "HTTP 500")

    tell(tmp_path, [first, second], story)


def test_mails_do_not_wait_behind_a_carrier_that_hangs(tmp_path: Path) -> None:
    full = asyncio.Event()

    class Hanging(Provider):
        async def send(self, message: Message, *, now: int) -> SendOutcome:  # noqa: ARG002  the port's
            self.given.append(message)
            if len(self.given) == 16:
                full.set()
            await asyncio.Event().wait()
            return GOOD

    first = Hanging("twilio", lambda _message: GOOD)

    async def story(it: Story) -> None:
        house = it.house
        for number in range(40):
            await house.env.store.run(_queue_text, it, number)
        house.outbox.wake()
        await asyncio.wait_for(full.wait(), PATIENCE_SECONDS)
        before = len(house.inbox.received)
        await house.by().run(_queue_mail, it.half.session.account_id)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(house.inbox.received) == before:  # noqa: ASYNC110  the inbox has no event
                await asyncio.sleep(0.005)
        assert len(first.given) == 16
        for task in list(house.outbox._sending):
            task.cancel()

    tell(tmp_path, [first], story)


def _queue_text(tx: Tx, it: Story, number: int) -> None:
    now = it.house.now
    outbox.insert(
        tx,
        OutboxRow(
            id=f"hanging-{number:08}",
            account_id=it.half.session.account_id,
            channel=Channel.SMS,
            kind=TEST,
            phone_id=it.phone_id,
            next_at=now,
            not_after=now + 600,
            created_at=now,
        ),
    )


def _queue_mail(turn: Turn, account_id: str) -> None:
    account = accounts.load(turn.tx, account_id)
    assert account is not None
    turn.notify(account, NoticeKind.PHONE_ADDED, hint="00")
