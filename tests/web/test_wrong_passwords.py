"""Strangers who type wrong passwords for days: they come to an end, and the owner is let in."""

from __future__ import annotations

import httpx2
import pytest

from tests.support.product import AppEntry, Browser, TestProduct, words
from twostep.core.account import Account
from twostep.core.sign_in import throttle


LIMIT = throttle.PASSWORD_IN_A_ROW.limit
HOUR = 3600
DAY = 86_400
STALE = 700  # seconds after which a change asks for the password again
NEW_PASSWORD = "another evening by the sea"
GUESSED = "many wrong passwords"


def stranger(product: TestProduct, number: int) -> Browser:
    return product.browser(network=f"203.0.113.{number % 250}")


def try_wrong(product: TestProduct, number: int, username: str = "alice") -> httpx2.Response:
    return stranger(product, number).sign_in(username, password=f"wrong-{number}")


def is_unproven(answer: httpx2.Response) -> bool:
    return answer.status_code == 429 and "Sign in with a link" in words(answer)


def guess_to_the_end(product: TestProduct, username: str = "alice") -> int:
    """How many wrong passwords are looked at, with all the patience there is."""
    evaluated = 0
    for number in range(10 * LIMIT):
        answer = try_wrong(product, number, username)
        if is_unproven(answer):
            return evaluated + (evaluated == LIMIT - 1)
        if answer.status_code == 422:
            evaluated += 1
        product.clock.forward(2 * HOUR if number % 40 == 39 else 60)
    pytest.fail("nothing ends the guessing")


def notices(product: TestProduct) -> int:
    return sum(GUESSED in mail.subject for mail in product.mails())


def link_by_mail(product: TestProduct, browser: Browser) -> str:
    browser.post("/forgot-password", username="alice")
    return product.newest_link("/reset-password/")


def test_a_hundred_wrong_passwords_in_a_row_are_the_last_ones(
    product: TestProduct, alice: Account
) -> None:
    assert guess_to_the_end(product) == LIMIT
    assert notices(product) == 1
    product.clock.forward(150 * DAY)
    assert is_unproven(stranger(product, 1).sign_in())  # with the right password too
    assert is_unproven(try_wrong(product, 2))
    assert notices(product) == 1


def test_a_name_that_nobody_has_comes_to_the_same_end(product: TestProduct, alice: Account) -> None:
    pages = {}
    for username in ("alice", "nobody"):
        assert guess_to_the_end(product, username) == LIMIT
        answer = try_wrong(product, 1, username)
        pages[username] = words(answer).replace(username, "NAME")
    assert pages["alice"] == pages["nobody"]
    assert notices(product) == 1


def test_a_browser_that_is_known_signs_in_as_ever_and_ends_the_count(
    product: TestProduct, alice: Account
) -> None:
    owner = product.browser()
    owner.sign_in()
    owner.post("/sign-out")
    guess_to_the_end(product)
    assert owner.sign_in().status_code == 303
    assert try_wrong(product, 1).status_code == 422
    assert notices(product) == 1


@pytest.mark.parametrize("password", [NEW_PASSWORD, None], ids=["new password", "same password"])
def test_a_mailed_link_lets_one_browser_in_while_the_strangers_go_on(
    product: TestProduct, alice: Account, entry: AppEntry, password: str | None
) -> None:
    guess_to_the_end(product)
    owner = product.browser(network="198.51.100.7")
    link = link_by_mail(product, owner)
    fields = {"password": password} if password else {"keep": "yes"}
    assert owner.post(link, **fields).status_code == 303
    for number in range(2 * LIMIT):
        try_wrong(product, number)
    answer = owner.sign_in(password=password) if password else owner.sign_in()
    assert answer.headers["location"] == "/sign-in/code"
    product.clock.forward(60)
    answer = owner.post("/sign-in/code", code=entry.code())
    assert answer.status_code == 303
    # It was a stranger's browser at the second step, and its owner hears of it as of any other.
    assert any("new browser" in mail.subject for mail in product.mails())
    assert owner.post(link, keep="yes").status_code == 422
    assert "Keep it and sign in" not in words(owner.get(link))


def test_a_link_that_keeps_the_password_is_offered_and_changes_nothing_else(
    product: TestProduct, alice: Account, entry: AppEntry
) -> None:
    elsewhere = product.browser()
    elsewhere.sign_in()
    product.clock.forward(60)
    elsewhere.post("/sign-in/code", code=entry.code())
    browser = product.browser(network="198.51.100.7")
    link = link_by_mail(product, browser)
    assert "Keep it and sign in" in words(browser.get(link))
    browser.post(link, keep="yes")
    assert elsewhere.get("/settings/security").status_code == 200
    assert product.events(alice)[0].event == "browser.proven"
    assert browser.get("/settings/security").status_code == 303  # not signed in


def test_a_proven_browser_has_tries_of_its_own_for_a_day_and_not_for_ever(
    product: TestProduct, alice: Account
) -> None:
    guess_to_the_end(product)
    browser = product.browser(network="198.51.100.7")
    browser.post(link_by_mail(product, browser), keep="yes")
    for _ in range(throttle.PASSWORD_ACCOUNT_NETWORK.limit):
        assert browser.sign_in(password="wrong").status_code == 422
    assert browser.sign_in().status_code == 429
    product.clock.forward(throttle.PASSWORD_ACCOUNT_NETWORK.window_seconds or 0)
    assert browser.sign_in(password="wrong").status_code == 422
    product.clock.forward(DAY)
    assert is_unproven(browser.sign_in(password="wrong"))


@pytest.mark.parametrize("way", ["proven", "known"])
def test_a_browser_by_itself_ends_after_a_hundred_too(
    product: TestProduct, alice: Account, way: str
) -> None:
    browser = product.browser(network="198.51.100.7")
    if way == "proven":
        browser.post(link_by_mail(product, browser), keep="yes")
    else:
        browser.sign_in()
        browser.post("/sign-out")
    evaluated = 0
    while evaluated < LIMIT:
        answer = browser.sign_in(password="wrong")
        evaluated += answer.status_code == 422
        if answer.status_code == 429:
            product.clock.forward(60)
    # From now on it shares the strangers' counters.
    for _ in range(throttle.PASSWORD_ACCOUNT_NETWORK.limit):
        product.browser(network="198.51.100.7").sign_in(password="wrong")
    assert browser.sign_in().status_code == 429


def test_wrong_passwords_within_a_session_end_it(product: TestProduct, alice: Account) -> None:
    browser = product.browser()
    browser.sign_in()
    product.clock.forward(STALE)
    evaluated = 0
    while evaluated < LIMIT:
        answer = browser.post("/confirm", password="wrong", r="/settings/password")
        if answer.status_code == 429:
            product.clock.forward(60)
        else:
            assert answer.status_code == 422
            evaluated += 1
            assert (browser.get("/settings").status_code == 200) is (evaluated < LIMIT)
    assert [activity.event for activity in product.events(alice)[:3]] == [
        "session.ended",
        "known_browser.forgotten",
        "password.refused",
    ]
