"""A password can be retired for three reasons. Page, mail and history say the one that is true."""

from __future__ import annotations

from tests.support.product import AppEntry, Browser, TestProduct, problem, words
from twostep.core.account import Account
from twostep.flows.env import SHELL
from twostep.flows.help_desk import acts as help_desk
from twostep.flows.help_desk.acts import Act
from twostep.flows.proof.retired_password import WRONG_IN_A_ROW_TO_RETIRE


GUESSED = "tried to guess codes"
HALF_AN_HOUR = 1801


def newest_mail(product: TestProduct) -> str:
    """The newest mail with a link for a new password."""
    return next(mail.text for mail in reversed(product.mails()) if "/reset-password/" in mail.text)


def what_is_said(product: TestProduct, account: Account) -> tuple[str, str, str]:
    """Mail, sign-in page and the mail it sends again after half an hour."""
    mail = newest_mail(product)
    product.clock.forward(HALF_AN_HOUR)
    before = len(product.mails())
    said = problem(product.browser(network="198.51.100.99").sign_in())
    assert len(product.mails()) == before + 1
    assert "This password no longer works" in said
    reasons = [
        activity.data["reason"]
        for activity in product.events(account)
        if activity.event == "password.retired"
    ]
    assert len(reasons) == 1
    return mail, said, newest_mail(product)


def guess(half: Browser) -> None:
    for number in range(WRONG_IN_A_ROW_TO_RETIRE):
        half.product.clock.forward(901)
        half.sign_in()
        answer = half.post("/sign-in/code", code=f"{number:06}")
    assert answer.headers["location"] == "/sign-in"


def test_after_guesses_the_phone_and_app_are_said_to_stay(
    product: TestProduct, alice: Account, entry: AppEntry
) -> None:
    guess(product.browser(network="203.0.113.66", user_agent="curl/8"))
    mail, page, again = what_is_said(product, alice)
    assert all(GUESSED in text for text in (mail, page, again))
    assert "Your phone and app stay as they are" in page
    browser = product.browser()
    browser.post(product.newest_link("/reset-password/"), password="another evening by the sea")
    browser.sign_in(password="another evening by the sea")
    browser.post("/sign-in/code", code=entry.code())
    assert "because someone who has it tried to guess codes" in words(
        browser.get("/settings/activity")
    )


def test_after_this_was_not_me_nobody_is_said_to_have_guessed(
    product: TestProduct, alice: Account, entry: AppEntry
) -> None:
    answer = product.browser().post(product.newest_link("/not-me/"))
    assert answer.status_code == 303
    for text in what_is_said(product, alice):
        assert GUESSED not in text
        assert "They did not get in" not in text


def test_after_a_reset_nothing_is_said_to_stay_and_no_second_step_is_promised(
    product: TestProduct, alice: Account, entry: AppEntry
) -> None:
    act = Act("alice", "lost phone")
    reset = help_desk.reset_methods
    product.run(product.house.by(SHELL).do(reset, act))
    for text in what_is_said(product, alice):
        assert GUESSED not in text
        assert "stay as they are" not in text
        assert "second step" not in text


def test_a_refused_request_is_not_called_a_change(product: TestProduct, alice: Account) -> None:
    browser = product.browser()
    browser.sign_in()
    form = browser.send(
        "POST", "/settings/profile", fields={}, headers={"origin": "https://evil.example"}
    )
    assert product.run(form).status_code == 403
    page = words(browser.get("/settings/activity"))
    assert "A form that did not come from our own pages was refused. Nothing was changed." in page
    assert "Something in your account changed" not in page
