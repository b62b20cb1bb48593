"""Debian's Chromium under Playwright: pages that tell what goes wrong in them, and walkers."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    Request,
    expect,
)

from tests.support import npm
from tests.support.article import pattern
from tests.support.waiting import PATIENCE_SECONDS


PATIENCE = PATIENCE_SECONDS * 1000  # as Playwright counts
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Installations under a public name are on this machine too.
    "--host-resolver-rules=MAP panel.example.com 127.0.0.1",
)
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
# A refused form is a 4xx answer, which Chromium itself reports; that is not the page's doing.
OWN_NEWS = re.compile(r"^Failed to load resource: the server responded with a status of 4\d\d ")
OUTLINED = """() => {
  const one = document.activeElement, style = getComputedStyle(one);
  const after = getComputedStyle(one, '::after');
  const drawn = (s) => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2;
  const box = one.getBoundingClientRect();
  const inView = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return one === document.body || ((drawn(style) || drawn(after)) && inView);
}"""


def launch(playwright: Playwright) -> Browser:
    """Start Chromium; without it the tests are skipped, aloud."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is missing: run tools/test_packages.sh")
    expect.set_options(timeout=PATIENCE)
    return playwright.chromium.launch(
        executable_path=program, args=list(ARGUMENTS), timeout=PATIENCE
    )


def axe() -> str:
    """axe-core's source; without it the tests are skipped, aloud."""
    place = npm.need("axe-core")
    return (place / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@contextmanager
def watched(browser: Browser, url: str, **options: Any) -> Iterator[BrowserContext]:
    """A window of its own. Afterwards nothing may have been said on a console, no policy broken, and
    nothing asked from another origin."""
    problems: list[str] = []
    settings = {"locale": "en-US", "timezone_id": "UTC", "user_agent": AGENT, "base_url": url}
    context = browser.new_context(**(settings | options))
    context.set_default_timeout(PATIENCE)

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not OWN_NEWS.match(message.text):
            problems.append(f"{message.type}: {message.text}")

    def ask(request: Request) -> None:
        if not request.url.startswith((f"{url}/", "data:", "about:")):
            problems.append(f"asked from elsewhere: {request.url}")

    context.on("console", listen)
    context.on("weberror", lambda error: problems.append(str(error.error)))
    context.on("request", ask)
    try:
        yield context
    finally:
        context.close()
    assert problems == []


@dataclass
class BrowserWalker:
    """Walks with a mouse. `look` is called on every page that is arrived at."""

    page: Page
    look: Callable[[Page], None] = lambda _page: None
    seen: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(path)

    def press(self, name: str) -> None:
        self._named(name).click()

    def open_menu(self, user: str) -> None:
        self.page.locator("summary", has_text=user).click()

    def fill(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    def select(self, label: str, option: str) -> None:
        menu = self.page.get_by_label(label, exact=True)
        menu.select_option(menu.locator("option", has_text=option).first.get_attribute("value"))

    def choose(self, label: str) -> None:
        self.page.get_by_label(label, exact=True).check()

    def arrive(self, path: str, heading: str) -> None:
        expect(self.page.get_by_role("heading", level=1, name=heading, exact=True)).to_be_visible()
        assert self.page.url.split("/", 3)[3] == path[1:]
        self.look(self.page)

    def read_picture(self) -> str:
        shown = {read_qr(self.page, "light"), read_qr(self.page, "dark")}
        href = self.page.locator('a[href^="otpauth:"]').get_attribute("href")
        assert shown == {href}
        self.page.emulate_media(color_scheme=None)
        return str(href)

    def read_codes(self) -> list[str]:
        return [
            str(element.get_attribute("data-backup-code"))
            for element in self.page.locator("[data-backup-code]").all()
        ]

    def read(self) -> str:
        return " ".join(self.page.locator("body").inner_text().split())

    def _named(self, name: str) -> Locator:
        says = pattern(name)
        return self.page.get_by_role("link", name=says).or_(
            self.page.get_by_role("button", name=says)
        )


class KeyboardWalker(BrowserWalker):
    """Walks with Tab, Enter, Space and what is typed; the focus must be seen at every stop."""

    stops = 0

    def press(self, name: str) -> None:
        self._tab_to(self._named(name))
        self.page.keyboard.press("Enter")

    def open_menu(self, user: str) -> None:
        self._tab_to(self.page.locator("summary", has_text=user))
        self.page.keyboard.press("Space")

    def fill(self, label: str, text: str) -> None:
        self._tab_to(self.page.get_by_label(label, exact=True))
        self.page.keyboard.type(text)

    def select(self, label: str, option: str) -> None:
        menu = self.page.get_by_label(label, exact=True)
        self._tab_to(menu)
        self.page.keyboard.type(option.rstrip(" ("))
        expect(menu.locator("option:checked").first).to_contain_text(option)

    def choose(self, label: str) -> None:
        circle = self.page.get_by_label(label, exact=True)
        self._tab_to(circle)
        self.page.keyboard.press("Space")
        expect(circle).to_be_checked()

    def _tab_to(self, target: Locator) -> None:
        """Press Tab until the target has the focus, once around the page at most."""
        expect(target).to_be_visible()
        for _ in range(120):
            if target.evaluate("one => one === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
            self.stops += 1
            assert self.page.evaluate(OUTLINED), self.page.evaluate(
                "document.activeElement.outerHTML"
            )
        raise AssertionError(f"Tab does not reach {target}")


def read_qr(page: Page, scheme: Literal["light", "dark"]) -> str:
    """What a camera reads from the whole page, drawn light or dark."""
    page.emulate_media(color_scheme=scheme)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    codes = zxingcpp.read_barcodes(picture)
    assert [code.format for code in codes] == [zxingcpp.BarcodeFormat.QRCode]
    return str(codes[0].text)
