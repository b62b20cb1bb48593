"""Account security answers "am I safe, what next?", and the strongest way is asked for first."""

from __future__ import annotations

import re

import httpx2

from tests.support.authenticator import Authenticator
from tests.support.product import AppEntry, Browser, TestProduct, backup_codes, method_ids, words
from twostep.core.account import Account


SECURITY = "/settings/security"
CODES = f"{SECURITY}/codes"


def add_passkey(browser: Browser) -> None:
    options = browser.post(f"{SECURITY}/passkey/options").json()
    made = Authenticator(browser.product.url).create(options)
    assert browser.post(f"{SECURITY}/passkey/new", credential=made).status_code == 303


def main_buttons(page: httpx2.Response) -> list[str]:
    """What the page wants to be done: its primary buttons and links."""
    marked = re.findall(
        r'<(?:a|button)\b[^>]*class="[^"]*\bprimary\b[^"]*"[^>]*>(.*?)</', page.text
    )
    return [re.sub(r"<[^>]+>", "", text) for text in marked if "Stay signed in" not in text]


def test_every_state_has_a_word_and_one_next_step(product: TestProduct, alice: Account) -> None:
    browser = product.browser()
    browser.sign_in()
    off = browser.get(SECURITY)
    assert "Two-step sign-in (MFA) is off" in words(off)
    assert main_buttons(off) == ["Enable"]
    browser.enroll_app()
    alone = browser.get(SECURITY)
    assert "You have only one way to sign in At risk – 1 of 4" in words(alone)
    assert main_buttons(alone) == ["Show codes"]
    browser.make_codes()
    good = browser.get(SECURITY)
    assert "Two-step sign-in is on Good – 2 of 4" in words(good)
    assert main_buttons(good) == ["Add passkey"]
    add_passkey(browser)
    browser.add_phone()
    best = browser.get(SECURITY)
    assert "Two-step sign-in is on Very good – 4 of 4" in words(best)
    assert main_buttons(best) == []
    assert "Not yet:" not in words(best)


def test_the_strongest_way_is_the_default_until_another_is_chosen(
    product: TestProduct, alice: Account
) -> None:
    browser = product.browser()
    browser.sign_in()
    entry = browser.enroll_app()
    [app] = method_ids(browser.get(SECURITY), "app")
    add_passkey(browser)
    assert asked_first(product) == "passkey"
    browser.post(f"{SECURITY}/method/{app}/default")
    assert asked_first(product) == "app"
    # What was chosen goes: the strongest of the rest takes its place.
    product.clock.forward(60)
    browser.enroll_app(name="second")
    assert browser.post(f"{SECURITY}/method/{app}/remove").status_code == 303
    assert asked_first(product) == "passkey"
    assert entry


def asked_first(product: TestProduct) -> str:
    browser = product.browser()
    browser.sign_in()
    page = browser.get("/sign-in/code")
    first = re.search(r'data-method-kind="(\w+)"', page.text)
    assert first
    return first[1]


def test_codes_are_shown_with_one_click_and_a_second_click_replaces_nothing(
    product: TestProduct, alice: Account, entry: AppEntry
) -> None:
    browser = product.browser()
    browser.sign_in()
    product.clock.forward(60)
    browser.post("/sign-in/code", code=entry.code())
    shown = form_of(browser, SECURITY)
    assert browser.post(CODES, **shown).headers["location"] == CODES
    codes = backup_codes(browser.get(CODES))
    assert len(codes) == 10
    # Twice on the same button, from a tab left open or with Back.
    assert browser.post(CODES, **shown).headers["location"] == CODES
    assert backup_codes(browser.get(CODES)) == codes
    # And twice on "Replace codes".
    browser.post(CODES, proof=codes[0])
    replace = form_of(browser, CODES)
    browser.post(CODES, **replace)
    newer = backup_codes(browser.get(CODES))
    assert not set(newer) & set(codes)
    browser.post(CODES, **replace)
    assert backup_codes(browser.get(CODES)) == newer


def form_of(browser: Browser, path: str) -> dict[str, str]:
    """The hidden field of the form that makes codes."""
    field = re.search(r'name="replaces" value="([^"]*)"', browser.get(path).text)
    assert field
    return {"replaces": field[1]}


def test_settings_lead_to_it_when_it_is_on(
    product: TestProduct, alice: Account, entry: AppEntry
) -> None:
    browser = product.browser()
    browser.sign_in()
    product.clock.forward(60)
    browser.post("/sign-in/code", code=entry.code())
    assert re.search(rf'<a class="button" href="{SECURITY}">Manage', browser.get("/settings").text)
