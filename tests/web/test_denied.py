""" "This wasn't me" beside a row of the own history: what a mail's link does, without the mail."""

from __future__ import annotations

import re

import httpx2

from tests.support.house import PASSWORD
from tests.support.product import AppEntry, Browser, TestProduct, words
from twostep.core.account import Account
from twostep.store.account import accounts


SECURITY = "/settings/security"
ACTIVITY = "/settings/activity"


def denial(browser: Browser, said: str) -> str:
    """Where "This wasn't me" beside the newest row that says so leads."""
    row = re.search(
        rf'<li class="\w+"><div><p>{re.escape(said)}.*?(?=<li class="|</ol>)',
        browser.get(ACTIVITY).text,
        re.DOTALL,
    )
    assert row is not None, said
    link = re.search(r'href="([^"]+)">This wasn.+?t me<', row[0])
    return link[1] if link else ""


def status(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.headers.get("location", "")


def test_a_phone_that_was_added_is_taken_back_and_the_account_secured(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    owner.add_phone()
    thief = product.browser(network="203.0.113.9")
    thief.sign_in()
    thief.post("/sign-in/code", code=entry.next_code())
    link = denial(owner, "The backup phone ending 00 was added.")
    page = owner.get(link)
    assert "The backup phone ending 00 was added." in words(page)
    assert "remove the phone number that was added" in words(page)
    # GET has changed nothing.
    assert thief.get("/api/session").status_code == 200
    answer = owner.post(link)
    assert status(answer) == (303, "/not-me/done")
    for browser in (owner, thief):
        assert browser.get("/api/session").status_code == 401
    assert "Your account is secured" in words(owner.get("/not-me/done"))
    events = [activity.event for activity in product.events(alice)[:6]]
    assert {"containment.done", "password.retired", "phone.removed"} <= set(events)
    account = product.env.store.read_now(accounts.load, alice.id)
    assert account is not None
    assert account.password_retired_at == product.clock.now
    assert "no longer works" in words(product.browser().sign_in())
    assert product.newest_link("/reset-password/")


def test_it_is_asked_who_is_there_first(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    owner.add_phone()
    link = denial(owner, "The backup phone ending 00 was added.")
    product.clock.forward(601)
    for answer in (owner.get(link), owner.post(link)):
        assert status(answer) == (303, f"/confirm?r={link}")
    answer = owner.post("/confirm", r=link, code=entry.next_code())
    assert status(answer) == (303, link)
    assert status(owner.post(link)) == (303, "/not-me/done")


def test_the_only_app_stays_whatever_is_typed_while_the_account_is_secured(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    assert entry
    link = denial(owner, "Two-step sign-in was turned on.")
    page = owner.get(link)
    assert 'type="password"' not in page.text
    assert "no older one" in words(page)
    assert status(owner.post(link, password=PASSWORD)) == (303, "/not-me/done?kept=1")
    account = product.env.store.read_now(accounts.load, alice.id)
    assert account is not None
    assert account.two_step


def test_the_oldest_app_stays_even_beside_a_newer_one(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    first = product.newest_link("/not-me/")
    product.clock.forward(60)
    owner.post("/confirm", r=SECURITY, code=entry.next_code())
    owner.enroll_app(name="second")
    second = product.newest_link("/not-me/")
    assert "remove the authenticator app" not in words(owner.get(first))
    assert "remove the authenticator app" in words(owner.get(second))
    assert status(product.browser().post(first)) == (303, "/not-me/done?kept=1")
    assert status(product.browser().post(second)) == (303, "/not-me/done")


def test_new_codes_and_addresses_are_taken_back_too(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    owner.post("/settings/emails", email="thief@evil.example")
    product.clock.forward(60)
    owner.post(product.newest_link("/settings/emails/confirm/"))
    page = owner.get(denial(owner, "An e-mail address was confirmed."))
    assert "remove the e-mail address that was added" in words(page)
    owner.make_codes()
    page = owner.get(denial(owner, "Backup codes were created."))
    assert "cancel the new backup codes" in words(page)
    product.clock.forward(60)
    owner.post("/confirm", r=f"{SECURITY}/codes", code=entry.next_code())
    older = denial(owner, "Backup codes were created.")
    owner.post(f"{SECURITY}/codes")  # the row's own set is gone already
    assert "cancel the new backup codes" not in words(owner.get(older))


def test_only_ones_own_recent_acts_can_be_denied(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    assert entry
    bob = product.browser()
    product.add_account("bob")
    bob.sign_in("bob")
    added = next(activity for activity in product.events(alice) if activity.event == "app.added")
    password = next(
        activity for activity in product.events(alice) if activity.event == "password.accepted"
    )
    for seq in (added.seq, 10**6, 0, "x", "9" * 40):
        assert bob.get(f"{ACTIVITY}/{seq}/not-me").status_code == 404
        assert bob.post(f"{ACTIVITY}/{seq}/not-me").status_code == 404
    assert bob.get("/api/session").status_code == 200
    assert owner.get(f"{ACTIVITY}/{password.seq}/not-me").status_code == 404
    product.browser().sign_in(password="wrong")
    assert denial(owner, "A wrong password was entered.") == ""
    product.clock.forward(14 * 86_400)
    owner.sign_in()
    owner.post("/sign-in/code", code=entry.next_code())
    assert denial(owner, "Two-step sign-in was turned on.") == ""
    assert owner.get(f"{ACTIVITY}/{added.seq}/not-me").status_code == 404


def test_twenty_answers_at_once_secure_it_once(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    assert entry
    owner.add_phone()
    link = denial(owner, "The backup phone ending 00 was added.")
    answers = product.together(*(owner.send("POST", link) for _ in range(20)))
    assert sum(answer.headers.get("location") == "/not-me/done" for answer in answers) == 1
    events = [activity.event for activity in product.events(alice)]
    assert events.count("containment.done") == events.count("password.retired") == 1
