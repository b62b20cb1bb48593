"""What stands round every page: the operator's menu, why one must enrol, and names for screen readers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.house import PASSWORD
from tests.support.product import (
    ENROLMENT,
    AppEntry,
    Browser,
    TestProduct,
    open_test_product,
    problem,
    words,
)
from twostep.core.account import Account, Role


@pytest.mark.parametrize("path", ["/", "/settings", "/settings/security", "/admin/delivery"])
def test_an_operator_finds_the_operators_pages_from_everywhere(
    product: TestProduct, path: str
) -> None:
    product.add_account(role=Role.OPERATOR)
    browser = product.browser()
    browser.sign_in()
    menu = browser.get(path).text.split('<details class="menu">')[1].split("</details>")[0]
    assert 'aria-label="Operator"' in menu
    assert 'href="/admin/delivery"' in menu


def test_the_overview_of_an_operator_has_its_tile(product: TestProduct) -> None:
    product.add_account(role=Role.OPERATOR)
    browser = product.browser()
    browser.sign_in()
    assert "For operators" in words(browser.get("/"))


def test_nobody_else_sees_them(owner: Browser) -> None:
    assert "/admin" not in owner.get("/").text


@pytest.mark.parametrize(
    ("organisation", "who"), [("", "Example Panel"), ("Host & Sons", "Host & Sons")]
)
def test_forced_enrolment_says_who_requires_it_and_how_to_leave(
    tmp_path: Path, organisation: str, who: str
) -> None:
    named = {"organisation": organisation} if organisation else {}
    with open_test_product(tmp_path, policy__require_two_step="all", **named) as product:
        product.add_account()
        browser = product.browser()
        path = browser.sign_in().headers["location"]
        for place in (path, "/settings/security/passkey/new"):
            page = browser.get(place)
            assert f"{who} requires two-step sign-in." in words(page)
            assert "about two minutes" in words(page)
            assert "I can't do this now – sign out" in words(page)
        assert ">Cancel<" not in browser.get(path).text
        browser.post("/sign-out")
        assert browser.get(path).status_code == 303


def test_who_sets_it_up_freely_is_told_nothing_of_the_kind(owner: Browser) -> None:
    page = words(owner.get(ENROLMENT))
    assert "requires two-step" not in page
    assert "Cancel" in page


@pytest.mark.parametrize("path", ["/sign-in", "/forgot-password"])
def test_an_empty_name_is_asked_for(product: TestProduct, path: str) -> None:
    for typed in ("", "   "):
        answer = product.browser().post(path, username=typed, password=PASSWORD)
        assert answer.status_code == 422
        assert problem(answer) == "Enter your username or e-mail."


def test_an_empty_password_is_asked_for_and_counts_for_nothing(
    product: TestProduct, alice: Account
) -> None:
    browser = product.browser()
    for _ in range(30):
        answer = browser.post("/sign-in", username="alice", password="")
        assert problem(answer) == "Enter your password."
        assert re.search(r'id="f-password"[^>]* autofocus', answer.text)
    assert browser.sign_in().status_code == 303


def names(page: str, tag: str) -> list[str]:
    """The accessible names of a page's links or buttons, as far as text makes them."""
    shown = re.sub(r'<(span|svg)[^>]*aria-hidden="true".*?</\1>', "", page, flags=re.DOTALL)
    elements = re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", shown, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", "", text).split()) for text in elements]


def test_every_row_has_names_of_its_own(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    owner.add_phone()
    for _ in range(2):
        product.clock.forward(90)
        other = product.browser()
        other.sign_in()
        other.post("/sign-in/code", code=entry.next_code())
    page = owner.get("/settings/security").text
    said = [name for name in names(page, "button") if name]
    assert {name for name in said if said.count(name) > 1} == set()
    # Links of one name lead to one place.
    links = re.findall(r'<a\b[^>]*href="([^"#]+)"[^>]*>(.*?)</a>', page, re.DOTALL)
    places: dict[str, set[str]] = {}
    for href, text in links:
        name = " ".join(re.sub(r"<[^>]+>", "", text).split())
        places.setdefault(name, set()).add(href)
    assert {name: hrefs for name, hrefs in places.items() if len(hrefs) > 1} == {}
    assert "Remove number ending 00" in names(page, "a")
    activity = owner.get("/settings/activity").text
    assert any(name.startswith("This wasn't me – ") for name in names(activity, "a"))
    assert "Account menu, alice" in page.replace("</span><bdi>", "").replace(
        '<span class="vh">', ""
    )


def test_the_button_to_send_again_keeps_its_name(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    phone = owner.add_phone()
    product.clock.forward(60)
    half = product.browser()
    half.sign_in()
    half.post("/sign-in/send", method=phone, channel="sms")
    page = half.get("/sign-in/code")
    assert "Send again in" in page.text
    assert "Send again" in names(page.text, "button")
    assert not any("second" in name for name in names(page.text, "button"))


@pytest.mark.parametrize("typed", ["", "   ", "Pixel"])
def test_a_name_that_stays_is_not_said_to_have_changed(
    owner: Browser, entry: AppEntry, typed: str
) -> None:
    path = re.findall(
        r'href="(/settings/security/method/[^"]+/rename)"', owner.get("/settings/security").text
    )[0]
    owner.post(path, name="Pixel")
    assert "The name was changed." in words(owner.get("/settings/security"))
    assert owner.post(path, name=typed).status_code == 303
    assert "The name was changed." not in words(owner.get("/settings/security"))


def test_short_words_with_a_hyphen_stay_on_one_line(owner: Browser) -> None:
    heading = owner.get("/help").text.split("<h1>")[1].split("</h1>")[0]
    assert '<span class="mask">two-step</span>' in heading


def test_no_page_of_an_installation_looks_like_the_demo(product: TestProduct) -> None:
    page = product.browser().get("/sign-in").text
    assert 'class="demo"' not in page
    assert "_demo" not in page
