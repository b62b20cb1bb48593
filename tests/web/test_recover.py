"""Somebody has lost every phone: recovery by mail, with a waiting period, and its many limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.house import PASSWORD
from tests.support.product import Browser, TestProduct, method_ids, open_test_product, words
from twostep.core.account import Account, EmailAddress, Role
from twostep.core.messages.channel import Channel
from twostep.delivery.message import TextMessage
from twostep.flows.env import SHELL
from twostep.flows.help_desk.acts import Act, reset_methods
from twostep.flows.recovery.lost_phone import QUIET_SECONDS
from twostep.flows.recovery.waiting_job import run_due
from twostep.store.account import accounts, addresses


HOURS = 72
DAY = 86_400
OTHER = "alice@home.example"
NEW_PASSWORD = "another evening by the sea"


@pytest.fixture
def product(tmp_path: Path) -> Iterator[TestProduct]:
    with open_test_product(tmp_path, policy__recovery_wait_hours=HOURS) as opened:
        yield opened


@pytest.fixture
def alice(product: TestProduct) -> Account:
    """Her app is set up, and lost; she has a second address."""
    account = product.add_account()
    browser = product.browser()
    browser.sign_in()
    browser.enroll_app()
    second = EmailAddress("second", account.id, OTHER, product.clock.now, product.clock.now)
    product.run(product.env.store.run(addresses.insert_address, second, address_key=OTHER))
    product.clock.forward(3600)
    return account


def waiting(product: TestProduct) -> Browser:
    """A browser that has begun a recovery."""
    browser = product.browser(network="192.0.2.99")
    browser.sign_in()
    assert browser.post("/recover").headers["location"] == "/recover"
    return browser


def later(product: TestProduct, seconds: int) -> None:
    product.clock.forward(seconds)
    product.run(product.house.by().do(run_due))


def mails(product: TestProduct, subject: str) -> list[str]:
    return sorted(mail.to for mail in product.mails() if subject in mail.subject)


def events(product: TestProduct, account: Account) -> list[str]:
    return [
        activity.event
        for activity in product.events(account)
        if activity.event.startswith("recovery.")
    ]


STARTED = "someone asked to get in without a second step"
DAILY = "still waiting"
DONE = "you can set up two-step sign-in again"
CANCELLED = "was stopped"


def test_it_is_gone_unless_policy_allows_it(tmp_path: Path) -> None:
    with open_test_product(tmp_path) as product:
        product.add_account()
        browser = product.browser()
        for path in ("/recover", "/recover?link=x", "/recover/cancel/x"):
            assert browser.get(path).status_code == 404
        assert browser.post("/recover").status_code == 404
        assert browser.post("/recover/cancel/x").status_code == 404


def test_it_asks_for_the_right_password_first(product: TestProduct, alice: Account) -> None:
    stranger = product.browser()
    assert stranger.get("/recover").headers["location"] == "/sign-in"
    assert stranger.post("/recover").headers["location"] == "/sign-in"
    stranger.sign_in(password="wrong password here")
    assert stranger.post("/recover").headers["location"] == "/sign-in"
    assert events(product, alice) == []


def test_the_whole_way_ends_in_a_new_app_and_nothing_else(
    product: TestProduct, alice: Account
) -> None:
    browser = waiting(product)
    assert "we will e-mail you a link" in words(browser.get("/recover"))
    assert mails(product, STARTED) == ["alice@example.com", OTHER]
    later(product, DAY)
    assert mails(product, DAILY) == ["alice@example.com", OTHER]
    later(product, 3600)
    assert len(mails(product, DAILY)) == 2
    later(product, DAY)
    later(product, DAY)
    assert mails(product, DONE) == ["alice@example.com", OTHER]
    link = product.newest_link("/recover?link=")

    back = product.browser(network="192.0.2.99")
    assert "alice" in words(back.get(link))
    token = link.partition("=")[2]
    refused = back.post("/recover", link=token, password="not the password")
    assert refused.status_code == 422
    opened = back.post("/recover", link=token, password=PASSWORD)
    assert opened.headers["location"] == "/settings/security/app/new"
    assert back.get("/settings/security").headers["location"] == "/settings/security/app/new"
    assert back.get("/api/session").status_code == 401
    assert product.browser().get(link).status_code == 404
    back.enroll_app()
    assert back.get("/api/session").json()["aal"] == "aal2"
    assert events(product, alice) == ["recovery.used", "recovery.ended", "recovery.started"]


def texts(product: TestProduct) -> list[str]:
    """Texts without a code so far, oldest first."""
    product.deliver()
    messages = [
        received.message
        for received in product.house.inbox.received
        if received.channel is Channel.SMS
    ]
    return [
        message.text
        for message in reversed(messages)
        if isinstance(message, TextMessage) and not message.code
    ]


def add_phones(product: TestProduct, *numbers: str) -> None:
    """Alice has an app, which she loses, and these phones."""
    product.add_account()
    owner = product.browser()
    owner.sign_in()
    owner.enroll_app()
    for number in numbers:
        owner.add_phone(number, channel="call")
    product.clock.forward(4000)


@pytest.mark.row("ENR-02")
def test_every_phone_that_takes_texts_hears_of_its_start_and_its_end(product: TestProduct) -> None:
    # The one in the middle is a landline.
    add_phones(product, "(202) 555-0100", "+44 20 7946 0000", "(202) 555-0101")
    waiting(product)
    sent = texts(product)
    assert len(sent) == 2
    assert (
        sent[0]
        == sent[1]
        == (
            "Example Panel: someone with your password asked to set up two-step sign-in again."
            " Not you? Use the link in our e-mail to stop it, or sign in with a code."
        )
    )
    later(product, DAY)
    assert len(texts(product)) == 2
    later(product, DAY)
    later(product, DAY)
    assert len(texts(product)) == 4


def test_where_no_more_texts_may_leave_the_recovery_goes_on_and_that_is_written_down(
    tmp_path: Path,
) -> None:
    # Of two a day one is for numbers that are not confirmed yet.
    with open_test_product(
        tmp_path, policy__recovery_wait_hours=HOURS, delivery__daily_budget=2
    ) as product:
        add_phones(product, "(202) 555-0100")
        stranger = product.browser(network="192.0.2.98")
        stranger.sign_in()
        phone = method_ids(stranger.get("/sign-in/code"), "phone")[0]
        assert stranger.post("/sign-in/send", method=phone, channel="sms").status_code == 303
        browser = waiting(product)
        assert "we will e-mail you a link" in words(browser.get("/recover"))
        assert texts(product) == []
        alice = product.env.store.read_now(accounts.load_by_name, "alice")
        assert [activity.event for activity in product.events(alice)][:2] == [
            "notice.failed",
            "recovery.started",
        ]


def test_its_end_gives_no_session_without_the_password(
    product: TestProduct, alice: Account
) -> None:
    waiting(product)
    later(product, HOURS * 3600)
    link = product.newest_link("/recover?link=")
    thief = product.browser()
    assert thief.get(link).status_code == 200
    assert thief.post("/recover", link=link.partition("=")[2], password="").status_code == 422
    assert thief.get("/settings").status_code == 303
    assert events(product, alice)[0] == "recovery.ended"


def test_the_link_works_for_one_of_two_who_press_at_once(
    product: TestProduct, alice: Account
) -> None:
    waiting(product)
    later(product, HOURS * 3600)
    token = product.newest_link("/recover?link=").partition("=")[2]
    pair = [product.browser(network=f"192.0.2.{n}") for n in range(8)]
    answers = product.together(
        *(
            browser.send("POST", "/recover", fields={"link": token, "password": PASSWORD})
            for browser in pair
        )
    )
    assert [answer.status_code for answer in answers].count(303) == 1
    assert events(product, alice).count("recovery.used") == 1


def test_the_link_in_every_mail_stops_it_once_without_signing_in(
    product: TestProduct, alice: Account
) -> None:
    waiting(product)
    link = product.newest_link("/recover/cancel/")
    owner = product.browser()
    assert owner.get(link).status_code == 200
    assert events(product, alice) == ["recovery.started"]
    stopped = owner.post(link)
    assert "The recovery was stopped" in words(owner.get(stopped.headers["location"]))
    assert owner.post(link).status_code == 422
    assert mails(product, CANCELLED) == ["alice@example.com", OTHER]
    later(product, HOURS * 3600)
    assert mails(product, DONE) == []
    assert events(product, alice) == ["recovery.cancelled", "recovery.started"]


def test_this_was_not_me_in_the_last_mail_stops_it_too(
    product: TestProduct, alice: Account
) -> None:
    waiting(product)
    for _ in range(HOURS * 3600 // DAY):
        later(product, DAY)
    recover, deny = (product.newest_link(way) for way in ("/recover?link=", "/not-me/"))
    owner = product.browser()
    assert owner.get(deny).status_code == 200
    assert owner.post(deny).status_code == 303
    thief = product.browser(network="192.0.2.99")
    tried = thief.post("/recover", link=recover.partition("=")[2], password=PASSWORD)
    assert tried.status_code == 422
    assert thief.get("/settings/security/app/new").headers["location"].startswith("/sign-in?")
    assert "recovery.used" not in events(product, alice)


def test_a_sign_in_with_a_second_step_stops_it(product: TestProduct) -> None:
    product.add_account("bob")
    first = product.browser()
    first.sign_in("bob")
    app = first.enroll_app()
    product.clock.forward(60)
    browser = product.browser()
    browser.sign_in("bob")
    browser.post("/recover")
    assert browser.post("/sign-in/code", code=app.next_code()).status_code == 303
    assert len(mails(product, CANCELLED)) == 1
    later(product, HOURS * 3600)
    assert mails(product, DONE) == []


def test_another_password_stops_it(product: TestProduct, alice: Account) -> None:
    waiting(product)
    stranger = product.browser()
    stranger.post("/forgot-password", username="alice")
    reset = product.newest_link("/reset-password/")
    assert stranger.post(reset, password=NEW_PASSWORD).status_code == 303
    later(product, HOURS * 3600)
    assert mails(product, DONE) == []
    assert events(product, alice)[0] == "recovery.cancelled"


def test_not_within_seven_days_of_a_password_set_by_mail(
    product: TestProduct, alice: Account
) -> None:
    stranger = product.browser()
    stranger.post("/forgot-password", username="alice")
    reset = product.newest_link("/reset-password/")
    assert stranger.post(reset, password=NEW_PASSWORD).status_code == 303
    stranger.sign_in(password=NEW_PASSWORD)
    refused = stranger.post("/recover")
    assert refused.status_code == 422
    assert "a recovery can't begin before" in words(refused)
    assert events(product, alice) == []
    product.clock.forward(QUIET_SECONDS)
    browser = product.browser()
    browser.sign_in(password=NEW_PASSWORD)
    assert browser.post("/recover").status_code == 303
    assert events(product, alice) == ["recovery.started"]


def test_never_for_operators(product: TestProduct) -> None:
    root = product.add_account("root", role=Role.OPERATOR)
    browser = product.browser()
    browser.sign_in("root")
    browser.enroll_app()
    product.clock.forward(60)
    half = product.browser()
    half.sign_in("root")
    assert half.get("/recover").status_code == 404
    assert half.post("/recover").status_code == 404
    assert "recovery by e-mail" not in words(half.get("/sign-in/help"))
    assert events(product, root) == []


def test_asking_twice_begins_nothing_anew(product: TestProduct, alice: Account) -> None:
    waiting(product)
    assert len(mails(product, STARTED)) == 2
    product.clock.forward(DAY)
    waiting(product)
    assert events(product, alice) == ["recovery.started"]
    assert len(mails(product, STARTED)) == 2


def test_the_help_page_offers_it(product: TestProduct, alice: Account) -> None:
    browser = product.browser()
    browser.sign_in()
    assert 'href="/recover"' in browser.get("/sign-in/help").text
    assert 'href="/recover"' not in product.browser().get("/sign-in/help").text
    assert events(product, alice) == []


def guess_until_retired(product: TestProduct) -> None:
    """A thief with the password types wrong codes until it is retired."""
    thief = product.browser(network="203.0.113.5")
    for number in range(20):
        product.clock.forward(900)
        thief.sign_in()
        thief.post("/sign-in/code", code=f"0000{number:02}")
    assert "no longer works" in words(thief.sign_in())


def new_password(product: TestProduct) -> None:
    """Its owner sets a new one by the mailed link."""
    answer = product.browser().post(product.newest_link("/reset-password/"), password=NEW_PASSWORD)
    assert answer.status_code == 303


def test_a_thief_who_guesses_does_not_end_it(product: TestProduct, alice: Account) -> None:
    waiting(product)
    for _ in range(2):
        later(product, DAY)
    guess_until_retired(product)
    later(product, 2 * DAY)  # its time is over, but there is no password to end it with
    assert mails(product, DONE) == []
    product.clock.forward(3600)
    stranger = product.browser()
    stranger.post("/forgot-password", username="alice")
    new_password(product)
    for _ in range(HOURS * 3600 // DAY - 1):
        later(product, DAY)
    later(product, DAY - 1)
    assert mails(product, DONE) == []  # three days at least, whatever was waited before
    later(product, 1)
    assert mails(product, DONE) == ["alice@example.com", OTHER]
    link = product.newest_link("/recover?link=").partition("=")[2]
    answer = product.browser().post("/recover", link=link, password=NEW_PASSWORD)
    assert answer.headers["location"] == "/settings/security/app/new"
    assert "recovery.cancelled" not in events(product, alice)


def test_a_recovery_that_is_over_waits_anew_after_guesses(
    product: TestProduct, alice: Account
) -> None:
    waiting(product)
    for _ in range(HOURS * 3600 // DAY):
        later(product, DAY)
    old = product.newest_link("/recover?link=").partition("=")[2]
    guess_until_retired(product)
    new_password(product)
    tried = product.browser().post("/recover", link=old, password=NEW_PASSWORD)
    assert tried.status_code == 422
    assert "recovery.used" not in events(product, alice)


def test_beginning_and_stopping_has_an_end(product: TestProduct, alice: Account) -> None:
    browser = waiting(product)
    for _ in range(2):
        product.browser().post(product.newest_link("/recover/cancel/"))
        assert browser.post("/recover").status_code == 303
    product.browser().post(product.newest_link("/recover/cancel/"))
    assert browser.post("/recover").status_code == 429
    assert events(product, alice).count("recovery.started") == 3
    product.clock.forward(DAY)
    later_browser = product.browser()
    later_browser.sign_in()
    assert later_browser.post("/recover").status_code == 303


def test_a_reset_by_the_help_desk_ends_it(product: TestProduct, alice: Account) -> None:
    waiting(product)
    act = Act("alice", "lost phone")
    product.run(product.house.by(SHELL).do(reset_methods, act))
    assert events(product, alice)[0] == "recovery.cancelled"
    assert mails(product, CANCELLED) == ["alice@example.com", OTHER]
