"""The language and clock of the person, from the first page to mails, texts and calls."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest

from tests.support.house import PASSWORD
from tests.support.product import AppEntry, Browser, TestProduct, open_test_product, words
from twostep.core.account import Account
from twostep.delivery.message import CallMessage, TextMessage


GERMAN = "de-AT,de;q=0.9,en;q=0.5"
CHICAGO = "America/Chicago"


class Asking(Browser):
    """A browser that asks for a language."""

    accepts = GERMAN

    async def send(
        self,
        method: str,
        path: str,
        *,
        fields: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        asked = {"accept-language": self.accepts}
        return await super().send(method, path, fields=fields, headers=asked | (headers or {}))


def asking(product: TestProduct) -> Asking:
    like = product.browser()
    return Asking(product, like.network, like.user_agent)


def tongue(page: httpx2.Response) -> str:
    """The language that a page is written in."""
    assert page.status_code in {200, 404, 422, 429}, page.status_code
    return page.text.split('<html lang="')[1][:2]


def second_step(product: TestProduct, browser: Browser) -> None:
    """The half session of an account with an app."""
    answer = browser.sign_in()
    assert answer.headers["location"] == "/sign-in/code"


@pytest.mark.parametrize("path", ["/", "/settings", "/settings/security", "/settings/profile"])
def test_the_browsers_language_stays_after_the_password(
    product: TestProduct, alice: Account, path: str
) -> None:
    german = asking(product)
    assert tongue(german.get("/sign-in")) == "de"
    german.sign_in()
    assert tongue(german.get(path)) == "de"
    assert "Deutsch" in words(german.get("/settings"))


def test_mails_follow_the_first_sign_in(product: TestProduct, alice: Account) -> None:
    german = asking(product)
    german.sign_in()
    german.enroll_app()
    assert {mail.language for mail in product.mails()} == {"de"}


def test_a_browser_that_names_no_language_leaves_the_accounts_own(product: TestProduct) -> None:
    product.add_account(language="ar")
    silent = product.browser()
    silent.sign_in()
    assert tongue(silent.get("/")) == "ar"
    silent.enroll_app()
    assert {mail.language for mail in product.mails()} == {"ar"}


@pytest.mark.parametrize("accepts", ["fr", "xx;q=1, fr", "*", ""])
def test_a_language_that_we_do_not_speak_leaves_it_too(product: TestProduct, accepts: str) -> None:
    product.add_account(language="de")
    browser = asking(product)
    browser.accepts = accepts
    browser.sign_in()
    assert tongue(browser.get("/")) == "de"


def test_chosen_beats_cookie_beats_browser(product: TestProduct, alice: Account) -> None:
    browser = asking(product)
    browser.post("/language", language="ar", next="/sign-in")
    assert tongue(browser.get("/sign-in")) == "ar"
    browser.sign_in()
    assert tongue(browser.get("/")) == "ar"
    browser.post("/settings/profile", language="en", time_zone="UTC")
    assert tongue(browser.get("/")) == "en"
    elsewhere = asking(product)
    elsewhere.sign_in()
    assert tongue(elsewhere.get("/")) == "en"
    assert product.mails()[-1].language == "en"


def test_a_thief_at_the_second_step_changes_nobodys_language(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    thief = asking(product)
    second_step(product, thief)
    assert tongue(thief.get("/sign-in/code")) == "de"
    thief.post("/language", language="ar", next="/sign-in/code")
    for number in range(5):
        thief.post("/sign-in/code", code=f"00000{number}")
    product.clock.forward(3600)
    assert {mail.language for mail in product.mails()} == {"en"}


@pytest.mark.parametrize("chosen", [False, True])
@pytest.mark.parametrize("path", ["/sign-in/code", "/sign-in/help", "/help", "/no-such-page"])
def test_the_control_works_on_half_sessions(
    product: TestProduct, owner: Browser, entry: AppEntry, path: str, *, chosen: bool
) -> None:
    if chosen:
        owner.post("/settings/profile", language="en", time_zone="UTC")
    half = product.browser()
    second_step(product, half)
    page = half.get(path)
    assert tongue(page) == "en"
    assert f'name="next" value="{path}"' in page.text
    assert half.post("/language", language="de", next=path).headers["location"] == path
    page = half.get(path)
    assert tongue(page) == "de"
    assert '<option value="de" lang="de" dir="ltr" selected>' in page.text
    half.post("/sign-in/code", code=entry.next_code())
    assert tongue(half.get("/")) == "de"
    other = product.browser()
    second_step(product, other)  # it was this person's choice, and holds everywhere
    assert tongue(other.get("/sign-in/code")) == "de"


def test_the_control_works_while_one_must_enrol(tmp_path: Path) -> None:
    with open_test_product(tmp_path, policy__require_two_step="all") as product:
        product.add_account()
        browser = product.browser()
        path = browser.sign_in().headers["location"]
        assert tongue(browser.get(path)) == "en"
        browser.post("/language", language="ar", next=path)
        assert tongue(browser.get(path)) == "ar"
        browser.enroll_app()
        assert tongue(browser.get("/")) == "ar"


def test_a_page_that_only_takes_forms_leads_back_to_one_that_opens(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    phone = owner.add_phone()
    half = product.browser()
    second_step(product, half)
    while (page := half.post("/sign-in/send", method=phone, channel="sms")).status_code == 303:
        product.clock.forward(60)
    assert page.status_code == 429
    assert 'name="next" value="/sign-in/code"' in page.text


@pytest.mark.parametrize("channel", ["sms", "call"])
def test_a_code_speaks_the_language_of_the_page_that_asked(
    product: TestProduct, owner: Browser, entry: AppEntry, channel: str
) -> None:
    phone = owner.add_phone()
    product.deliver()
    product.clock.forward(60)
    german = asking(product)
    second_step(product, german)
    answer = german.post("/sign-in/send", method=phone, channel=channel)
    assert answer.status_code == 303, words(answer)
    product.deliver()
    received = [each.message for each in product.house.inbox.received]
    spoken = [each for each in received if isinstance(each, TextMessage | CallMessage)]
    assert max(spoken, key=lambda message: message.id).language == "de"


def test_the_posted_time_zone_is_used(product: TestProduct, alice: Account) -> None:
    browser = product.browser()
    browser.post("/sign-in", username="alice", password=PASSWORD, time_zone=CHICAGO)
    assert CHICAGO in words(browser.get("/settings"))
    browser.enroll_app()
    assert all(CHICAGO in mail.text for mail in product.mails())
    form = browser.get("/settings/security/phone/new").text
    assert re.search(r'<option value="US"[^>]* selected>', form)
    assert "UTC" not in words(browser.get("/settings/activity"))


@pytest.mark.parametrize("zone", ["", "Moon/Crater", "../../etc/passwd", "A" * 5000, "America"])
def test_nothing_else_is_taken_for_a_time_zone(
    product: TestProduct, alice: Account, zone: str
) -> None:
    browser = product.browser()
    assert (
        browser.post("/sign-in", username="alice", password=PASSWORD, time_zone=zone).status_code
        == 303
    )
    assert "UTC" in words(browser.get("/settings"))


def test_a_chosen_time_zone_stays(product: TestProduct, owner: Browser) -> None:
    owner.post("/settings/profile", language="en", time_zone="Asia/Tokyo")
    travelling = product.browser()
    travelling.post("/sign-in", username="alice", password=PASSWORD, time_zone=CHICAGO)
    assert "Asia/Tokyo" in words(travelling.get("/settings"))


def test_the_half_session_knows_the_time_zone(
    product: TestProduct, owner: Browser, entry: AppEntry
) -> None:
    phone = owner.add_phone()
    half = product.browser()
    half.post("/sign-in", username="alice", password=PASSWORD, time_zone=CHICAGO)
    half.post("/sign-in/send", method=phone, channel="sms")
    assert "UTC" not in words(half.get("/sign-in/code"))
    code = product.newest_code()
    half.post("/sign-in/code", code=code)
    assert CHICAGO in words(half.get("/settings"))


def test_a_time_in_utc_says_so_everywhere(product: TestProduct, owner: Browser) -> None:
    for path in ("/", "/settings/security", "/settings/activity", "/settings/sessions"):
        page = owner.get(path).text
        times = [piece.split("</time>")[0] for piece in page.split("<time ")[1:]]
        with_hour = [time for time in times if ":" in time.split(">")[1]]
        assert all(time.endswith("UTC") for time in with_hour), with_hour
    assert "UTC" in words(owner.get("/settings/activity"))


def test_light_or_dark_is_kept_in_the_browser(product: TestProduct) -> None:
    browser = product.browser()
    for chosen, mark, scheme in (
        ("dark", ' data-appearance="dark">', "dark"),
        ("light", ' data-appearance="light">', "light"),
        ("system", '">\n<head>', "light dark"),
        ("dark", ' data-appearance="dark">', "dark"),
        ("<script>", '">\n<head>', "light dark"),
    ):
        answer = browser.post("/language", appearance=chosen, next="/help")
        assert (answer.status_code, answer.headers["location"]) == (303, "/help")
        page = browser.get("/help").text
        assert mark in page.partition("<meta")[0]
        assert f'<meta name="color-scheme" content="{scheme}">' in page
    browser.post("/language", language="de", next="/help")  # says nothing about it
    assert 'data-appearance="dark"' not in browser.get("/help").text


def test_language_and_appearance_can_be_chosen_on_every_page_signed_in_too(
    product: TestProduct, owner: Browser
) -> None:
    page = owner.get("/settings")
    assert '<option value="en" lang="en" dir="ltr" selected>' in page.text
    sent = {"language": "de", "appearance": "dark", "next": "/settings"}
    assert owner.post("/language", **sent).headers["location"] == "/settings"
    page = owner.get("/settings")
    assert tongue(page) == "de"
    assert '<option value="dark" selected>' in page.text


@pytest.mark.parametrize(
    ("language", "name"), [("de", "Firefox unter Linux"), ("ar", "Firefox على Linux")]
)
def test_browsers_are_named_in_the_readers_language(
    product: TestProduct, owner: Browser, entry: AppEntry, language: str, name: str
) -> None:
    owner.post("/settings/profile", language=language, time_zone="UTC")
    other = product.browser()
    second_step(product, other)
    other.post("/sign-in/code", code=entry.next_code())
    for path in ("/settings/security", "/settings/sessions", "/settings/activity"):
        page = words(owner.get(path))
        assert name in page, path
        assert "Firefox on Linux" not in page, path
    mail = product.mails()[-1]
    assert name in mail.text
    assert "Firefox on Linux" not in mail.text


def test_the_zone_of_a_browser_with_an_old_name_is_chosen(
    product: TestProduct, owner: Browser
) -> None:
    owner.post("/settings/profile", language="en", time_zone="Asia/Calcutta")
    page = owner.get("/settings/profile").text
    assert (
        '<option value="Asia/Kolkata" data-old="Asia/Calcutta" selected>Kolkata (UTC+5:30)' in page
    )
    assert page.count("selected>Kolkata") == 1
    assert page.index("Kolkata") < page.index('<optgroup label="Africa">')


def test_zones_stand_in_parts_of_the_world(product: TestProduct, owner: Browser) -> None:
    owner.post("/settings/profile", language="de", time_zone="UTC")
    page = owner.get("/settings/profile").text
    europe = page.partition('<optgroup label="Europa">')[2].partition("</optgroup>")[0]
    cities = re.findall(r">([^<(]+) \(UTC", europe)
    assert {"Wien", "Berlin", "Zürich"} <= set(cities)
    assert cities.index("Wien") < cities.index("Zürich")
    assert "Europe/Vienna" not in words(owner.get("/settings/profile"))
