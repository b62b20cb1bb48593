"""Browsers that are not asked for a code: granted, used, listed, stolen, forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.authenticator import Authenticator
from tests.support.house import PASSWORD
from tests.support.product import (
    AppEntry,
    Browser,
    TestProduct,
    open_test_product,
    words,
)
from twostep.store.account import accounts


COOKIE = "__Host-twostep-remember"
ON = {"policy__remember_browser_days": 30}


@pytest.fixture
def product(tmp_path: Path) -> Iterator[TestProduct]:
    with open_test_product(tmp_path, **ON) as opened:
        opened.add_account()
        yield opened


def enrolled(product: TestProduct) -> tuple[Browser, AppEntry]:
    """Somebody with an app, signed out again."""
    browser = product.browser()
    browser.sign_in()
    entry = browser.enroll_app()
    browser.post("/sign-out")
    return browser, entry


def remembered(product: TestProduct) -> tuple[Browser, AppEntry]:
    """The same, and the box was ticked."""
    browser, entry = enrolled(product)
    browser.sign_in()
    assert browser.post("/sign-in/code", code=entry.next_code(), remember="1").status_code == 303
    assert browser.jar.get(COOKIE)
    return browser, entry


def goes_to(browser: Browser) -> str:
    """Where the password alone leads; signed out afterwards."""
    answer = browser.sign_in()
    browser.post("/sign-out")
    return str(answer.headers["location"])


def session_of(browser: Browser) -> dict[str, Any]:
    session: dict[str, Any] = browser.get("/api/session").json()
    return session


def kinds(product: TestProduct) -> list[str]:
    account = product.env.store.read_now(accounts.load_by_name, "alice")
    assert account is not None
    return [activity.event for activity in product.events(account)]


@pytest.mark.row("SES-07")
def test_it_is_off_unless_policy_allows_it(tmp_path: Path) -> None:
    with open_test_product(tmp_path) as product:
        product.add_account()
        browser, entry = enrolled(product)
        browser.sign_in()
        assert 'name="remember"' not in browser.get("/sign-in/code").text
        browser.post("/sign-in/code", code=entry.next_code(), remember="1")
        assert browser.jar.get(COOKIE) is None
        browser.post("/sign-out")
        assert goes_to(browser) == "/sign-in/code"


def test_the_box_is_there_and_not_ticked(product: TestProduct) -> None:
    browser, entry = enrolled(product)
    browser.sign_in()
    page = browser.get("/sign-in/code").text
    box = re.search(r"<input[^>]*name=\"remember\"[^>]*>", page)
    assert box is not None
    assert "checked" not in box[0]
    browser.post("/sign-in/code", code=entry.next_code())
    assert browser.jar.get(COOKIE) is None


def test_the_password_alone_signs_in_as_aal1_and_changes_still_ask(product: TestProduct) -> None:
    browser, entry = remembered(product)
    browser.post("/sign-out")
    first = browser.jar.get(COOKIE)
    assert browser.sign_in().headers["location"] == "/"
    session = session_of(browser)
    assert (session["aal"], session["amr"]) == ("aal1", ["pwd"])
    assert browser.jar.get(COOKIE) != first
    asked = browser.get("/settings/security/codes").headers["location"]
    assert asked.startswith("/confirm")
    page = browser.get(asked).text
    assert 'name="code"' in page
    assert 'name="password"' not in page
    answer = browser.post("/confirm", code=entry.next_code(), r="/settings/security/codes")
    assert answer.headers["location"] == "/settings/security/codes"
    assert (session_of(browser)["aal"], session_of(browser)["amr"]) == (
        "aal2",
        ["pwd", "otp", "mfa"],
    )


def test_a_passkey_grants_it_a_texted_and_a_backup_code_do_not(product: TestProduct) -> None:
    browser, entry = enrolled(product)
    browser.sign_in()
    browser.post("/sign-in/code", code=entry.next_code())
    key = Authenticator(product.url)
    made = key.create(browser.post("/settings/security/passkey/options").json())
    assert browser.post("/settings/security/passkey/new", credential=made).status_code == 303
    phone = browser.add_phone()
    codes = browser.make_codes()
    for way in ("text", "backup"):
        browser.post("/sign-out")
        browser.sign_in()
        code = codes[1]
        if way == "text":
            assert browser.post("/sign-in/send", method=phone, channel="sms").status_code == 303
            code = product.newest_code()
        assert browser.post("/sign-in/code", code=code, remember="1").status_code == 303
        assert browser.jar.get(COOKIE) is None
    browser.post("/sign-out")
    browser.sign_in()
    used = key.get(browser.post("/sign-in/passkey/options").json())
    assert browser.post("/sign-in/passkey", credential=used, remember="1").status_code == 303
    assert browser.jar.get(COOKIE)
    browser.post("/sign-out")
    assert goes_to(browser) == "/"


def test_it_ends_after_its_days(product: TestProduct) -> None:
    browser, _ = remembered(product)
    browser.post("/sign-out")
    product.clock.forward(29 * 86_400)
    assert goes_to(browser) != "/sign-in/code"
    product.clock.forward(86_400)
    assert goes_to(browser) == "/sign-in/code"


def test_it_needs_the_password_and_is_for_one_account(product: TestProduct) -> None:
    browser, _ = remembered(product)
    browser.post("/sign-out")
    assert browser.sign_in(password="wrong but long enough").status_code == 422
    product.add_account("bob")
    bob = product.browser()
    bob.sign_in("bob")
    bob.enroll_app()
    bob.post("/sign-out")
    browser.sign_in("bob")
    assert browser.get("/").headers["location"] == "/sign-in/code"
    browser.post("/sign-out")
    assert goes_to(browser) == "/"


def copied(browser: Browser) -> Browser:
    """A thief with the cookie, elsewhere."""
    thief = browser.product.browser(network="203.0.113.66")
    thief.jar.set(COOKIE, str(browser.jar.get(COOKIE)), domain="panel.example.com", path="/")
    return thief


def test_the_value_before_is_good_for_a_minute(product: TestProduct) -> None:
    browser, _ = remembered(product)
    browser.post("/sign-out")
    old = copied(browser)
    assert goes_to(browser) == "/"
    product.clock.forward(60)
    assert goes_to(old) == "/"
    assert goes_to(browser) == "/"


def test_an_answer_that_got_lost_is_no_theft(product: TestProduct) -> None:
    browser, _ = remembered(product)
    browser.post("/sign-out")
    before = str(browser.jar.get(COOKIE))
    assert goes_to(browser) == "/"
    after = browser.jar.get(COOKIE)
    browser.jar.set(COOKIE, before, domain="panel.example.com", path="/")  # it never arrived
    product.clock.forward(20)
    assert goes_to(browser) == "/"
    assert browser.jar.get(COOKIE) == after
    product.clock.forward(86_400)
    assert goes_to(browser) == "/"
    assert "browser.token_reused" not in kinds(product)


def test_stricter_policy_counts_for_browsers_remembered_before(tmp_path: Path) -> None:
    with open_test_product(tmp_path, **ON) as product:
        product.add_account()
        browser, entry = remembered(product)
        assert "Browsers that skip the code" in words(browser.get("/settings/security"))
        settings = product.env.settings
        for days, leads_to in ((7, "/"), (1, "/sign-in/code"), (0, "/sign-in/code"), (30, "/")):
            policy = settings.policy.model_copy(update={"remember_browser_days": days})
            object.__setattr__(
                product.env, "settings", settings.model_copy(update={"policy": policy})
            )
            product.clock.forward(86_400 if days == 7 else 0)
            browser.post("/sign-out")
            assert goes_to(browser) == leads_to
            if leads_to != "/":
                browser.sign_in()
                product.clock.forward(60)
                browser.post("/sign-in/code", code=entry.next_code())
                page = words(browser.get("/settings/security"))
                assert "Browsers that skip the code" not in page


def test_a_known_browser_stays_known_when_it_is_no_longer_remembered(product: TestProduct) -> None:
    browser, entry = remembered(product)
    known = browser.jar.get("__Host-twostep-browser")
    assert known != browser.jar.get(COOKIE)
    assert browser.post("/settings/security/browsers/forget-all").status_code == 303
    browser.post("/sign-out")
    mails = len(product.mails())
    browser.sign_in()
    browser.post("/sign-in/code", code=entry.next_code())
    assert browser.jar.get("__Host-twostep-browser") == known
    assert len(product.mails()) == mails  # no news of a new browser
    assert "browser.new" not in kinds(product)


def test_an_older_value_ends_the_row_and_tells_the_owner(product: TestProduct) -> None:
    browser, _ = remembered(product)
    browser.post("/sign-out")
    thief = copied(browser)
    assert goes_to(browser) == "/"
    product.clock.forward(61)
    assert goes_to(thief) == "/sign-in/code"
    assert "browser.token_reused" in kinds(product)
    assert "a browser that skipped the code was removed" in product.mails()[-1].subject
    assert goes_to(browser) == "/sign-in/code"  # its own value is dead too


def test_two_generations_back_is_a_copy_at_once(product: TestProduct) -> None:
    browser, _ = remembered(product)
    browser.post("/sign-out")
    thief = copied(browser)
    assert [goes_to(browser), goes_to(browser)] == ["/", "/"]
    assert goes_to(thief) == "/sign-in/code"
    assert "browser.token_reused" in kinds(product)


@pytest.mark.parametrize("value", ["", "x", "x" * 22, "x" * 65, "%00" * 30, "a" * 5000])
def test_a_made_up_value_is_nothing(product: TestProduct, value: str) -> None:
    browser, _ = enrolled(product)
    answer = product.run(
        browser.send(
            "POST",
            "/sign-in",
            fields={"username": "alice", "password": PASSWORD},
            headers={"cookie": f"{COOKIE}={value}"},
        )
    )
    assert answer.headers["location"] == "/sign-in/code"
    assert "browser.token_reused" not in kinds(product)


def test_it_is_listed_and_forgotten_one_by_one_or_all(product: TestProduct) -> None:
    browser, entry = remembered(product)
    page = browser.get("/settings/security")
    assert "Browsers that skip the code" in words(page)
    assert "This browser" in words(page)
    (row,) = re.findall(r'action="(/settings/security/browsers/[\w-]+/forget)"', page.text)
    product.add_account("bob")
    bob = product.browser()
    bob.sign_in("bob")
    assert bob.post(row).status_code == 404
    assert browser.post(row).status_code == 303
    assert browser.post(row).status_code == 404
    page = words(browser.get("/settings/security"))
    assert "That browser will be asked for a code again." in page
    assert "Browsers that skip the code" not in page
    browser.post("/sign-out")
    assert goes_to(browser) == "/sign-in/code"
    browser.sign_in()
    browser.post("/sign-in/code", code=entry.next_code(), remember="1")
    assert browser.post("/settings/security/browsers/forget-all").status_code == 303
    browser.post("/sign-out")
    assert goes_to(browser) == "/sign-in/code"


def _add_app(browser: Browser, _entry: AppEntry) -> None:
    browser.enroll_app()


def _add_phone(browser: Browser, _entry: AppEntry) -> None:
    browser.add_phone()


def _make_codes(browser: Browser, _entry: AppEntry) -> None:
    browser.make_codes()


def _change_password(browser: Browser, _entry: AppEntry) -> None:
    new = "another quiet evening, further away"
    form = {"current_password": PASSWORD, "new_password": new}
    assert browser.post("/settings/password", **form).status_code == 303


def _add_passkey(browser: Browser, _entry: AppEntry) -> None:
    key = Authenticator(browser.product.url)
    made = key.create(browser.post("/settings/security/passkey/options").json())
    assert browser.post("/settings/security/passkey/new", credential=made).status_code == 303


def _turn_off(browser: Browser, _entry: AppEntry) -> None:
    assert browser.post("/settings/security/disable").status_code == 303


@pytest.mark.parametrize(
    "change", [_add_app, _add_phone, _make_codes, _change_password, _add_passkey, _turn_off]
)
def test_any_change_of_password_or_way_forgets_it(product: TestProduct, change: Any) -> None:
    browser, entry = remembered(product)
    change(browser, entry)
    rows = product.env.store.read_now(lambda tx: tx.all("SELECT id FROM remembered_browsers"))
    assert rows == []
    assert "browser.forgotten" in kinds(product)


def test_retiring_the_password_forgets_it(product: TestProduct) -> None:
    browser, _ = remembered(product)
    thief = product.browser(network="203.0.113.7")
    for _ in range(20):
        thief.sign_in()
        thief.post("/sign-in/code", code="000000")
        product.clock.forward(901)
    assert "password.retired" in kinds(product)
    assert product.env.store.read_now(lambda tx: tx.all("SELECT id FROM remembered_browsers")) == []
    assert browser.get("/settings").status_code in {200, 303}
