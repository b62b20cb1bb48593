"""Where the cursor is: in the field that is wrong, which hardly moves, with its error said once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.article import Article
from tests.support.chromium import BrowserWalker, watched
from tests.support.live import LiveDemo


pytestmark = pytest.mark.browser
SECURITY = "/settings/security"
MOST_MOVED = 60  # px: an error of three lines in place of a hint of one
WRONG = "000000"


@pytest.fixture(params=[(1280, 800), (360, 740)], ids=["desktop", "phone"])
def article(request: pytest.FixtureRequest, browser: Browser, demo: LiveDemo) -> Iterator[Article]:
    width, height = request.param
    with watched(browser, demo.url, viewport={"width": width, "height": height}) as context:
        yield Article(demo, BrowserWalker(context.new_page()))


def page_of(article: Article) -> Page:
    walker = article.walker
    assert isinstance(walker, BrowserWalker)
    return walker.page


def top(page: Page, name: str) -> float:
    """Where the field is in the page, whatever was scrolled."""
    at: float = page.evaluate(
        "name => document.getElementById(name).getBoundingClientRect().top + scrollY", f"f-{name}"
    )
    return at


def err(page: Page, name: str, act: Callable[[], None]) -> None:
    """Make a mistake in the field, and look at what the page does with it."""
    before = top(page, name)
    act()
    expect(page).to_have_title(re.compile("^Error: "))  # the answer has come
    field = page.locator(f"#f-{name}")
    expect(field).to_be_focused()
    said = page.locator(f"#e-{name}").inner_text().removeprefix("Error:").strip()
    assert said
    assert page.locator("main").inner_text().count(said) == 1
    expect(field).to_have_accessible_description(re.compile(re.escape(said)))
    assert abs(top(page, name) - before) <= MOST_MOVED


def test_the_cursor_stays_in_the_field_that_is_wrong(article: Article) -> None:
    page, walker = page_of(article), article.walker

    def send(name: str, typed: str, button: str) -> Callable[[], None]:
        def act() -> None:
            page.locator(f"#f-{name}").fill(typed)
            walker.press(button)

        return act

    article.sign_in()
    walker.arrive("/", "Welcome, alice")
    walker.open(f"{SECURITY}/app/new")
    err(page, "code", send("code", WRONG, "Next"))
    article.enable()
    walker.open("/settings/emails")
    err(page, "email", send("email", "alice", "Send the link"))
    walker.open(SECURITY)
    walker.press("Show codes")
    walker.press("I have saved my codes")
    walker.arrive(f"{SECURITY}/codes?check=1", "Check that you saved them")
    err(page, "proof", send("proof", "AAAAA-AAAAA-AAAAA", "Check"))
    article.sign_out()
    article.sign_in()
    walker.arrive("/sign-in/code", "Enter the code from your app")
    err(page, "code", send("code", WRONG, "Continue"))
    walker.press("Use backup code")
    walker.arrive("/sign-in/code?way=codes", "Enter a backup code")
    err(page, "code", send("code", "AAAAA-AAAAA-AAAAA", "Continue"))


def test_a_wrong_password_marks_neither_field(article: Article) -> None:
    page = page_of(article)
    page.goto("/sign-in")
    expect(page.locator("#f-username")).to_be_focused()
    page.keyboard.type("alice")
    page.locator("#f-password").fill("not this one")
    article.walker.press("Sign in")
    expect(page).to_have_title(re.compile("^Error: "))
    password = page.locator("#f-password")
    expect(password).to_be_focused()
    expect(password).to_have_accessible_description(re.compile("username or password is not right"))
    expect(page.locator("[aria-invalid]")).to_have_count(0)
    assert page.locator("main").inner_text().count("is not right") == 1
    expect(page.locator("#f-username")).to_have_value("alice")


def test_what_was_done_is_said_first(article: Article) -> None:
    page, walker = page_of(article), article.walker
    article.sign_in()
    article.enable()
    article.add_phone()
    expect(page.get_by_role("status").first).to_be_focused()
    assert page.title().startswith("The number ending 42 can now receive codes. – Account security")
    walker.arrive(SECURITY, "Account security")


def test_the_wizard_fits_on_one_screen(article: Article) -> None:
    page = page_of(article)
    if page.viewport_size != {"width": 1280, "height": 800}:
        pytest.skip("on a phone the app is opened with a button instead")
    article.sign_in()
    article.walker.arrive("/", "Welcome, alice")
    page.goto(f"{SECURITY}/app/new")
    for part in (".qr", "#f-code", "button.primary >> text=Next", "text=Use a passkey instead"):
        box = page.locator(part).first.bounding_box()
        assert box
        assert box["y"] + box["height"] <= 800, part
    expect(page.get_by_text("Open in my authenticator app")).to_be_hidden()
    expect(page.locator("#setup-key")).to_be_hidden()


class Counting(BrowserWalker):
    """Counts what a person presses."""

    presses = 0

    def press(self, name: str) -> None:
        self.presses += 1
        super().press(name)

    def open_menu(self, user: str) -> None:
        self.presses += 1
        super().open_menu(user)


def test_few_clicks_lead_to_on_and_from_a_lost_phone_back_in(
    browser: Browser, demo: LiveDemo
) -> None:
    with watched(browser, demo.url) as context:
        walker = Counting(context.new_page())
        article = Article(demo, walker)
        article.sign_in()
        walker.arrive("/", "Welcome, alice")
        walker.presses = 0
        article.enable()  # menu, Settings, Enable, Next
        assert walker.presses == 4
        walker.open(SECURITY)
        article.show_codes()
        article.sign_out()
        walker.presses = 0
        article.sign_in()
        article.walker.press("Use backup code")
        walker.fill("Backup code", article.codes[0])
        walker.press("Continue")
        walker.arrive(f"{SECURITY}/lost-phone?next=%2F", "Did you lose your phone?")
        assert walker.presses == 3  # and in; the next one sets up the new phone


def test_on_a_phone_the_app_is_opened_with_a_button(browser: Browser, demo: LiveDemo) -> None:
    window = {"width": 360, "height": 740}
    with watched(browser, demo.url, viewport=window, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        article = Article(demo, BrowserWalker(page))
        article.sign_in()
        article.walker.arrive("/", "Welcome, alice")
        page.goto(f"{SECURITY}/app/new")
        open_app = page.get_by_role("link", name="Open in my authenticator app")
        expect(open_app).to_be_in_viewport()
        assert str(open_app.get_attribute("href")).startswith("otpauth://totp/")
        expect(page.locator(".qr")).to_be_hidden()
        page.get_by_text("Scan this with your authenticator app").click()
        expect(page.locator(".qr")).to_be_visible()
