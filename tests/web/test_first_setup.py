"""A thief with the password alone is not the first to set up an app or a passkey."""

from __future__ import annotations

import re
from dataclasses import replace

from tests.support.product import ENROLMENT, Browser, TestProduct, problem, words
from twostep.core.account import Account
from twostep.flows.env import SHELL
from twostep.flows.help_desk import acts as help_desk
from twostep.flows.help_desk.acts import Act
from twostep.main import build_app
from twostep.store.account import accounts


FIRST = "/settings/security/first"
PASSKEY = "/settings/security/passkey/new"
DAY = 86_400


def elsewhere(product: TestProduct) -> Browser:
    """A browser that the account does not know, with the right password, some days later."""
    product.clock.forward(3 * DAY)
    browser = product.browser(network="203.0.113.5")
    assert browser.sign_in().status_code == 303
    return browser


def is_on(product: TestProduct, account: Account) -> bool:
    stored = product.env.store.read_now(accounts.load, account.id)
    return stored is not None and stored.two_step


def test_the_accounts_own_first_browser_sets_up_at_once(owner: Browser) -> None:
    owner.enroll_app()


def test_nor_does_a_browser_wait_that_is_known_for_a_day(
    product: TestProduct, owner: Browser
) -> None:
    second = elsewhere(product)
    product.clock.forward(DAY)
    second.sign_in()
    second.enroll_app()
    assert owner


def test_a_new_browser_needs_the_mailed_link(
    product: TestProduct, alice: Account, owner: Browser
) -> None:
    thief = elsewhere(product)
    for page in (ENROLMENT, PASSKEY):
        assert thief.get(page).headers["location"] == FIRST
        assert thief.post(page, code="000000", credential="{}").headers["location"] == FIRST
    assert thief.post("/settings/security/passkey/options").headers["location"] == FIRST
    # Signing in once more makes it no older.
    thief.post("/sign-out")
    thief.sign_in()
    assert thief.get(ENROLMENT).headers["location"] == FIRST
    assert "check by e-mail that it is you" in words(thief.get(FIRST))
    assert thief.post(FIRST).headers["location"] == f"{FIRST}?sent=1"
    link = product.newest_link("/set-up/")
    phone = product.browser(network="198.51.100.99")
    asked = words(phone.get(link))
    assert "203.0.113." in asked
    assert "Firefox on Linux" in asked
    assert thief.get(ENROLMENT).headers["location"] == FIRST  # GET has changed nothing
    assert phone.post(link).headers["location"] == "/set-up/done"
    assert "go on in your other window" in words(phone.get("/set-up/done"))
    assert phone.post(link).status_code == 422
    assert thief.get(FIRST).headers["location"] == ENROLMENT
    thief.enroll_app()
    assert is_on(product, alice)
    assert owner


def test_an_address_that_was_just_added_gets_no_such_link(
    product: TestProduct, alice: Account, owner: Browser
) -> None:
    thief = elsewhere(product)
    thief.post("/settings/emails", email="thief@evil.example")
    assert thief.post(product.newest_link("/settings/emails/confirm/")).status_code == 303
    thief.post(FIRST)
    asked = [mail.to for mail in product.mails() if "/set-up/" in mail.text]
    assert asked == ["alice@example.com"]
    # Nor does it once the old one is gone.
    page = thief.get("/settings/emails").text
    remove = re.findall(r"/settings/emails/[\w-]+/remove", page)[0]
    assert thief.post(remove).status_code == 303
    product.clock.forward(3600)
    thief.sign_in()
    assert thief.post(FIRST).headers["location"] == f"{FIRST}?sent=0"
    assert owner


def test_the_mails_have_a_limit(product: TestProduct, owner: Browser) -> None:
    thief = elsewhere(product)
    for _ in range(3):
        assert thief.post(FIRST).status_code == 303
    assert thief.post(FIRST).status_code == 429
    assert sum("/set-up/" in mail.text for mail in product.mails()) == 3
    assert owner


def test_the_link_dies_with_its_session(product: TestProduct, owner: Browser) -> None:
    thief = elsewhere(product)
    thief.post(FIRST)
    link = product.newest_link("/set-up/")
    thief.post("/sign-out")
    assert product.browser().post(link).status_code == 422
    assert owner


def test_the_help_desks_code_confirms_it_once(
    product: TestProduct, alice: Account, owner: Browser
) -> None:
    browser = elsewhere(product)
    act = Act("alice", "mailbox lost")
    code = str(product.run(help_desk.give_temporary_code(product.house.by(SHELL), act)))
    assert browser.post(FIRST, code="AAAA-AAAA").status_code == 422
    assert browser.post(FIRST, code=code).headers["location"] == ENROLMENT
    other = product.browser(network="203.0.113.77")
    other.sign_in()
    assert "already used, or it is older" in problem(other.post(FIRST, code=code))
    assert other.get(ENROLMENT).headers["location"] == FIRST
    browser.enroll_app()
    assert is_on(product, alice)
    assert owner


def test_where_policy_sends_everybody_to_set_up_a_new_browser_is_asked_too(
    product: TestProduct, owner: Browser
) -> None:
    settings = product.env.settings
    policy = settings.policy.model_copy(update={"require_two_step": "all"})
    stricter = replace(product.env, settings=settings.model_copy(update={"policy": policy}))
    product.app = build_app(stricter)
    thief = elsewhere(product)
    assert thief.get(ENROLMENT).headers["location"] == FIRST
    assert thief.get(FIRST).status_code == 200
    assert owner


def test_after_a_reset_by_the_help_desk_the_mailed_password_is_enough(
    product: TestProduct, owner: Browser
) -> None:
    owner.enroll_app()
    product.clock.forward(DAY)
    product.run(product.house.by(SHELL).do(help_desk.reset_methods, Act("alice", "lost phone")))
    new = "a new evening by the sea"
    product.browser().post(product.newest_link("/reset-password/"), password=new)
    browser = product.browser()
    browser.sign_in(password=new)
    browser.enroll_app()
