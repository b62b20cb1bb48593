"""The phone is gone: what the help page offers, and the way from a code on paper to a new app alone."""

from __future__ import annotations

import re

from tests.support.product import (
    ENROLMENT,
    AppEntry,
    Browser,
    TestProduct,
    method_ids,
    problem,
    words,
)
from twostep.core.account import Account
from twostep.flows.env import SHELL
from twostep.flows.help_desk import acts as help_desk
from twostep.flows.help_desk.acts import Act
from twostep.flows.help_desk.caller import find_reference
from twostep.store.account import accounts


SECURITY = "/settings/security"
NEW_PHONE = "Set up your new phone When this works, we will ask whether to remove the old app."
WRONG_CODES = "someone entered your password and then wrong codes"
REPLAYED = "A code of yours that was already used was entered again."
LOST = "Have you lost the phone with the other one?"


def half_signed_in(product: TestProduct) -> Browser:
    browser = product.browser(network="198.51.100.30")
    browser.sign_in()
    return browser


def add_new_app(browser: Browser, **fields: str) -> tuple[AppEntry, str]:
    """The new app, and where setting it up leads."""
    entry = browser.product.scan(browser.get(ENROLMENT))
    answer = browser.post(ENROLMENT, code=entry.code(), **fields)
    assert answer.status_code == 303
    return entry, answer.headers["location"]


def remove_the_old(browser: Browser, target: str, *old: str) -> None:
    page = browser.get(target)  # nothing is asked again
    assert "What was on the lost phone?" in words(page)
    ticked = re.findall(r'name="(old-[^"]+)" value="1" checked', page.text)
    assert sorted(ticked) == sorted(f"old-{method}" for method in old)
    new = target.partition("new=")[2]
    answer = browser.post(target, new=new, **dict.fromkeys(ticked, "1"))
    assert answer.headers["location"] == SECURITY
    assert "the old one can no longer be used" in words(browser.get(SECURITY))


def test_a_code_on_paper_leads_to_a_new_app_in_place_of_the_old_one(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    codes = owner.make_codes()
    phone = owner.add_phone()
    (old,) = method_ids(owner.get(SECURITY), "app")
    browser = half_signed_in(product)
    help_page = browser.get("/sign-in/help")
    assert 'href="/sign-in/code?way=codes"' in help_page.text
    answer = browser.post("/sign-in/code", code=codes[0])
    landed = browser.get(answer.headers["location"])
    assert "Did you lose your phone? You used a backup code; 9 are left." in words(landed)
    assert f'href="{ENROLMENT}?replaces=1"' in landed.text
    assert re.search(r'href="/">Continue', landed.text)
    assert NEW_PHONE in words(browser.get(f"{ENROLMENT}?replaces=1"))
    slip = browser.post(ENROLMENT, replaces="1", code="000000")
    assert slip.status_code == 422
    assert NEW_PHONE in words(slip)
    new, target = add_new_app(browser, replaces="1")
    remove_the_old(browser, target, old, phone)
    assert method_ids(browser.get(SECURITY), "phone") == []
    product.clock.forward(60)
    assert half_signed_in(product).post("/sign-in/code", code=entry.code()).status_code == 422
    assert half_signed_in(product).post("/sign-in/code", code=new.code()).status_code == 303


def test_the_help_desks_code_leads_there_too(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    (old,) = method_ids(owner.get(SECURITY), "app")
    act = Act("alice", "lost phone")
    code = product.run(help_desk.give_temporary_code(product.house.by(SHELL), act))
    browser = half_signed_in(product)
    assert browser.post("/sign-in/code", code=str(code)).headers["location"] == ENROLMENT
    page = words(browser.get(ENROLMENT))
    assert NEW_PHONE in page
    assert "alongside those from the apps you already have" not in page
    _, target = add_new_app(browser)
    remove_the_old(browser, target, old)
    product.clock.forward(60)
    assert half_signed_in(product).post("/sign-in/code", code=entry.code()).status_code == 422


def test_the_first_app_is_not_said_to_have_another_beside_it(
    owner: Browser, entry: AppEntry
) -> None:
    assert entry
    assert LOST not in words(owner.get(SECURITY))


def test_the_help_page_names_the_ways_in_their_order(product: TestProduct, owner: Browser) -> None:
    said = words(product.browser().get("/sign-in/help"))
    ways = ("Backup codes", "A passkey on another device", "Backup phone", "None of these")
    places = [said.index(way) for way in ways]
    assert places == sorted(places)
    assert "it shows a reference" in said  # after the password, not before


def test_a_reference_belongs_to_one_sign_in_and_ends(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    browser = half_signed_in(product)
    (shown,) = re.findall(r"[A-Z]{4}-\d{4}", words(browser.get("/sign-in/help")))
    assert shown in words(browser.get("/sign-in/help"))
    reference = product.house.see(find_reference, f" {shown.lower()} ")
    assert getattr(reference, "network", "") == "198.51.100.30"
    later = product.house.see_at(product.clock.now + 900, find_reference, shown)
    assert not hasattr(later, "network")


def test_a_temporary_code_typed_again_is_no_guess(
    product: TestProduct, alice: Account, owner: Browser, entry: AppEntry
) -> None:
    act = Act("alice", "lost phone")
    code = str(product.run(help_desk.give_temporary_code(product.house.by(SHELL), act)))
    assert half_signed_in(product).post("/sign-in/code", code=code).status_code == 303
    again = half_signed_in(product)
    for _ in range(6):
        answer = again.post("/sign-in/code", code=code)
        assert answer.status_code == 422
        assert "already used, or it is older than an hour" in problem(answer)
    assert again.post("/sign-in/code", code=entry.next_code()).status_code == 303
    # One that has run out is none either.
    code = str(product.run(help_desk.give_temporary_code(product.house.by(SHELL), act)))
    product.clock.forward(3600)
    late = half_signed_in(product)
    assert "older than an hour" in problem(late.post("/sign-in/code", code=code))
    account = product.env.store.read_now(accounts.load, alice.id)
    assert account is not None
    assert account.wrong_in_a_row == 0


def test_wrong_codes_after_the_right_password_stand_on_the_next_page(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    thief = half_signed_in(product)
    for number in range(3):
        thief.post("/sign-in/code", code=f"00000{number}")
    owner.post("/sign-out")
    owner.sign_in()
    owner.post("/sign-in/code", code=entry.next_code())
    assert WRONG_CODES in words(owner.get("/"))
    assert WRONG_CODES not in words(owner.get("/"))  # said once


def test_two_wrong_codes_are_a_slip(product: TestProduct, owner: Browser, entry: AppEntry) -> None:
    thief = half_signed_in(product)
    for number in range(2):
        thief.post("/sign-in/code", code=f"00000{number}")
    owner.post("/sign-out")
    owner.sign_in()
    owner.post("/sign-in/code", code=entry.next_code())
    assert WRONG_CODES not in words(owner.get("/"))


def test_open_sessions_hear_of_a_code_that_is_typed_twice(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    other = half_signed_in(product)
    code = entry.next_code()
    assert other.post("/sign-in/code", code=code).status_code == 303
    thief = half_signed_in(product)
    assert thief.post("/sign-in/code", code=code).status_code == 422
    for browser in (owner, other):
        assert REPLAYED in words(browser.get("/"))
        assert REPLAYED not in words(browser.get("/"))


def test_open_sessions_hear_of_a_backup_code_that_is_typed_twice(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    code = owner.make_codes()[3]
    assert half_signed_in(product).post("/sign-in/code", code=code).status_code == 303
    assert REPLAYED not in words(owner.get("/"))
    assert half_signed_in(product).post("/sign-in/code", code=code).status_code == 422
    assert REPLAYED in words(owner.get("/"))
    assert entry


def test_the_help_page_names_only_what_is_there(owner: Browser, entry: AppEntry) -> None:
    product = owner.product
    codes, phone, none = (
        "Backup codes",
        "Backup phone",
        "You have no backup codes and no backup phone.",
    )
    stranger = words(product.browser().get("/sign-in/help"))
    assert codes in stranger
    assert phone in stranger
    assert none not in stranger
    only_app = words(half_signed_in(product).get("/sign-in/help"))
    assert none in only_app
    assert codes not in only_app
    assert phone not in only_app
    assert "passkey on another device" not in only_app
    assert "Your authenticator app on another device" in only_app
    owner.add_phone()
    owner.make_codes()
    both = words(half_signed_in(product).get("/sign-in/help"))
    assert codes in both
    assert phone in both
    assert none not in both
    assert entry
