"""The README's pictures, taken of the running demo.

    python -m tools.pictures [FOLDER]

Writes security-light.png and code-dark.png: alice's Account security, and the page that asks for her
code.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.article import Article
from tests.support.chromium import BrowserWalker, launch, watched
from tests.support.live import LiveDemo, live_demo


ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 1120, 880
LARGEST_BYTES = 200_000


def take(page: Page, path: Path) -> None:
    """Take the window's picture, sharp on dense screens, in as few colours as it has."""
    page.evaluate("document.activeElement.blur()")
    page.evaluate("document.querySelector('.demo').remove()")  # an installation has none
    page.mouse.move(0, 0)
    page.screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > LARGEST_BYTES:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes")


def walk(browser: Browser, demo: LiveDemo, folder: Path) -> None:
    """Set everything up as a person would, and stop twice for a picture."""
    window = {"viewport": {"width": WIDTH, "height": HEIGHT}, "device_scale_factor": 2}
    with watched(browser, demo.url, **window) as context:
        page = context.new_page()
        article = Article(demo, BrowserWalker(page))
        article.sign_in()
        article.walker.arrive("/", "Welcome, alice")
        article.enable()
        article.add_phone()
        article.show_codes()
        page.emulate_media(color_scheme="light")
        page.goto("/settings/security")
        take(page, folder / "security-light.png")
        article.sign_out()
        article.sign_in()
        article.walker.arrive("/sign-in/code", "Enter the code from your app")
        page.emulate_media(color_scheme="dark")
        take(page, folder / "code-dark.png")


def main() -> None:
    """Run a demo of its own and take the pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/images"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        live_demo(Path(data) / "demo") as demo,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        walk(browser, demo, folder)
        browser.close()


if __name__ == "__main__":
    main()
