"""What the page's script adds, in a real browser, under the product's own content policy."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.chromium import PATIENCE


sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import gallery


pytestmark = pytest.mark.browser
SHOWN = [
    "sign-in",
    "code-app",
    "code-text",
    "codes-showing",
    "dashboard",
    "throttled",
    "app-new",
    "phone-new",
]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(timezone_id="Asia/Tokyo")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("console", lambda said: broken.append(said.text) if said.type == "error" else None)
    pages = {f"/{name}": html for name, html in gallery.draw("en", only=SHOWN)}
    page.route(f"{gallery.ORIGIN}/**", gallery.answer(pages, "#0b6b6f"))
    yield page
    context.close()
    assert broken == []


def posts(page: Page) -> list[str]:
    """Collect the bodies of forms; each is answered late, so that a second press can happen."""
    seen: list[str] = []

    def keep(route: Route) -> None:
        if route.request.method != "POST":
            route.fallback()
            return
        seen.append(route.request.post_data or "")
        route.fulfill(status=204)

    page.route(f"{gallery.ORIGIN}/sign-in/code", keep)
    return seen


def test_password_is_shown_and_hidden_again(page: Page) -> None:
    page.goto(f"{gallery.ORIGIN}/sign-in")
    field = page.locator("#f-password")
    page.get_by_role("button", name="Show – Password").click()
    expect(field).to_have_attribute("type", "text")
    page.get_by_role("button", name="Hide – Password").click()
    expect(field).to_have_attribute("type", "password")


def test_the_example_follows_the_country(page: Page) -> None:
    page.goto(f"{gallery.ORIGIN}/phone-new")
    page.locator("#f-country").select_option("FR")
    expect(page.locator("#h-number")).to_contain_text("06 12 34 56 78")
    page.locator("#f-country").select_option("GB")
    expect(page.locator("#h-number")).to_contain_text("07400 123456")


def test_a_short_page_has_its_header_at_the_top(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    for name in ("throttled", "sign-in"):
        page.goto(f"{gallery.ORIGIN}/{name}")
        header = page.locator("header").bounding_box()
        assert header is not None
        assert header["y"] == 0
        assert header["height"] < 120


def test_time_zone_is_guessed_into_the_hidden_field(page: Page) -> None:
    page.goto(f"{gallery.ORIGIN}/sign-in")
    fields = page.locator("[name=time_zone]")
    expect(fields).to_have_count(2)  # of the password and of the passkey
    for field in fields.all():
        expect(field).to_have_value("Asia/Tokyo")


def test_a_second_press_does_not_send_the_code_twice(page: Page) -> None:
    page.goto(f"{gallery.ORIGIN}/code-app")
    seen = posts(page)
    page.get_by_label("6-digit code").fill("123456")
    with page.expect_response("**/sign-in/code"):
        page.get_by_role("button", name="Continue").dblclick()
    page.get_by_role("button", name="Continue").click()
    assert len(seen) == 1


def test_codes_are_copied_one_a_line(page: Page) -> None:
    page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard',"
        " { value: { writeText: async (text) => { window.copied = text } } })"
    )
    page.goto(f"{gallery.ORIGIN}/codes-showing")
    page.get_by_role("button", name="Copy all").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    lines = page.evaluate("window.copied").split("\n")
    assert len(lines) == 10
    assert all(len(line) == 17 for line in lines)


def test_delivery_line_follows_the_status(page: Page) -> None:
    answer = {"state": "delivered", "sentence": "Delivered 14:06.", "can_send_at": None}
    page.clock.install()
    page.goto(f"{gallery.ORIGIN}/code-text")
    page.route(
        f"{gallery.ORIGIN}/sign-in/status",
        lambda route: route.fulfill(body=json.dumps(answer), content_type="application/json"),
    )
    page.clock.run_for(3100)
    line = page.get_by_text("Delivered 14:06.")
    expect(line).to_have_attribute("data-delivery-state", "delivered")


def test_send_again_counts_down_and_then_works(page: Page) -> None:
    page.clock.install()
    page.goto(f"{gallery.ORIGIN}/code-text")
    answer = {"state": "accepted", "sentence": "Accepted by the network 14:05"}
    page.route(
        f"{gallery.ORIGIN}/sign-in/status",
        lambda route: route.fulfill(body=json.dumps(answer), content_type="application/json"),
    )
    button = page.locator("[data-can-send-at]")
    expect(button).to_contain_text("Send again in ")
    # A name that counts would be read out every second.
    expect(button).to_have_accessible_name("Send again")
    expect(button).to_have_attribute("aria-disabled", "true")
    page.clock.run_for(28_000)
    expect(button.locator("[aria-hidden]")).to_have_text("Send again")
    expect(button).not_to_have_attribute("aria-disabled", "true")
    expect(page.get_by_text("You can ask again now.")).to_be_attached()


def test_wait_is_spoken_at_its_marks_only(page: Page) -> None:
    page.clock.install()
    page.goto(f"{gallery.ORIGIN}/throttled")
    said = page.locator("[data-say]")
    expect(said).to_have_text("")
    page.clock.run_for(181_000)
    expect(said).to_have_text("5 minutes left.")
    page.clock.run_for(300_000)
    expect(said).to_have_text("You can try again now.")
    # Whoever sees the page is told as well, and has a button that goes on.
    heading = page.get_by_role("heading", name="You can try again now.", exact=True)
    expect(heading).to_be_visible()
    expect(page.locator("main .button.primary")).to_be_visible()
    expect(page.get_by_role("link", name="Back", exact=True)).to_be_hidden()


def test_menu_closes_with_escape_and_idle_box_appears(page: Page) -> None:
    page.clock.install()
    page.goto(f"{gallery.ORIGIN}/dashboard")
    page.locator("header summary").click()
    expect(page.get_by_role("link", name="Settings")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Settings")).to_be_hidden()
    expect(page.locator("header summary")).to_be_focused()
    page.locator(".menu summary").click()
    for _ in range(10):  # whoever leaves the menu with Tab does not leave it lying over the page
        page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Settings", exact=True)).to_be_hidden()
    # Work elsewhere goes on at first: the page asks when the box is due.
    loaded = page.evaluate("document.documentElement.dataset.now * 1")
    ends = iter([loaded + 2_681, loaded + 2_652])
    page.route("**/api/session/peek", lambda route: route.fulfill(json={"expires_at": next(ends)}))
    with page.expect_response("**/api/session/peek"):
        page.clock.run_for(1_681_000)
    expect(page.get_by_role("button", name="Stay signed in")).to_be_hidden()
    page.clock.run_for(881_000)
    expect(page.get_by_role("button", name="Stay signed in")).to_be_visible()


def draw(browser: Browser, language: str, name: str, width: int, scheme: str) -> Page:
    """One state of a page."""
    shown: Any = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    page = browser.new_context(**shown).new_page()
    pages = {f"/{state}": html for state, html in gallery.draw(language, only=[name])}
    page.route(f"{gallery.ORIGIN}/**", gallery.answer(pages, "#0b6b6f"))
    page.goto(f"{gallery.ORIGIN}/{name}")
    return page


def test_the_menu_keeps_its_words_and_its_pill_on_one_line(browser: Browser) -> None:
    page = draw(browser, "en", "security-off", 1280, "light")
    page.locator(".menu summary").click()
    row = page.locator(".menu a", has_text="Account security").bounding_box()
    pill = page.locator(".menu .pill.warn").bounding_box()
    other = page.locator(".menu a", has_text="Language & time zone").bounding_box()
    assert row
    assert pill
    assert other
    assert row["height"] == other["height"]
    assert pill["height"] < row["height"]
    page.context.close()


@pytest.mark.parametrize(("language", "name"), [("en", "العربية"), ("ar", "Deutsch")])
def test_the_name_of_a_language_stands_beside_its_button(
    browser: Browser, language: str, name: str
) -> None:
    page = draw(browser, language, "profile", 1280, "dark")
    row = page.locator(".check", has_text=name)
    button, words = row.locator("input").bounding_box(), row.locator("bdi").bounding_box()
    assert button
    assert words
    gap = max(words["x"] - button["x"] - button["width"], button["x"] - words["x"] - words["width"])
    assert 0 < gap < 40
    page.context.close()


def test_an_address_reads_one_way_and_a_phone_looks_like_one(browser: Browser) -> None:
    page = draw(browser, "ar", "sessions", 360, "light")
    rows = page.locator(".rows.browsers li")
    addresses = rows.locator('bdi[dir="ltr"]')
    assert addresses.count() == rows.count()
    for index in range(addresses.count()):
        box = addresses.nth(index).bounding_box()
        assert box
        assert box["height"] < 40  # it is not broken in two
    icons = [row.locator("path").first.get_attribute("d") for row in rows.all()]
    phones = ["iPhone" in str(row.text_content()) for row in rows.all()]
    assert any(phones)
    assert len(set(zip(phones, icons, strict=True))) == 2
    page.context.close()
