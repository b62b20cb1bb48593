"""Draw every page in every state: static HTML, pictures, accessibility and overflow.

    python tools/gallery.py FOLDER [--only NAME ...] [--html] [--axe axe.min.js]

Writes FOLDER/<language>/<state>.html and, unless `--html` is given, pictures at 360 and 1280 px,
light and dark. With `--axe` every state is read by axe-core, light and dark, and measured at 320 px;
anything found is printed and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gallery_samples import URL
from gallery_states import states
from playwright.sync_api import Browser, Page, Route, sync_playwright

from twostep.core.brand import DEFAULT_ACCENT, brand_css
from twostep.web.frame.render import environment, render


ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "src/twostep/web/static"
ORIGIN = "http://gallery.localhost"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
# `stretch` is English, two fifths longer: what a wordy translation does to a page.
LANGUAGES = ("en", "ar", "de", "stretch")


def stretch(words: str) -> str:
    """Lengthen a sentence by repeating its last words, placeholders excepted."""
    parts = [part for part in words.split(" ") if "%" not in part and "<" not in part]
    return words + " " + " ".join(parts[-max(1, len(parts) * 2 // 5) :]) if parts else words


def draw(language: str, *, only: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each state's name and page."""
    code = "en" if language == "stretch" else language
    if language == "stretch":
        environment.cache_clear()
        environment(code).install_gettext_callables(  # type: ignore[attr-defined] # see web/render.py
            stretch,
            lambda singular, plural, count: stretch(singular if count == 1 else plural),
            newstyle=True,
        )
    for name, (template, context) in states(code).items():
        if not only or name in only:
            yield (
                name,
                render(template, language=code, time_zone="Europe/Paris", url=URL, **context),
            )
    if language == "stretch":
        environment.cache_clear()


def answer(pages: dict[str, str], accent: str) -> Callable[[Route], None]:
    """Serve pages, sheet and script with the product's own content policy."""

    def respond(route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN).split("?")[0]
        headers = {"Content-Security-Policy": POLICY}
        if path == "/static/brand.css":
            route.fulfill(body=brand_css(accent), content_type="text/css")
        elif path.startswith("/static/"):
            file = STATIC / path.removeprefix("/static/")
            route.fulfill(body=file.read_bytes(), content_type=TYPES[file.suffix[1:]])
        elif path in pages:
            route.fulfill(
                body=pages[path], content_type="text/html; charset=utf-8", headers=headers
            )
        elif path.endswith("/passkey/options"):
            route.fulfill(status=204)  # asked for unasked, where a browser offers passkeys
        else:
            route.fulfill(status=404, body="")

    return respond


def shoot(page: Page, name: str, folder: Path) -> None:
    """Take the four pictures of a state."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=True)


def unmeasured(result: dict[str, Any]) -> Iterator[str]:
    """Texts whose contrast axe could not measure, which proves nothing: `incomplete`. In pictures it
    measures none; their colours are those of the text beside them."""
    for check in result["incomplete"]:
        for node in check["nodes"] if check["id"] == "color-contrast" else ():
            why = node["any"][0]["data"]["messageKey"]
            if not node["html"].startswith("<text"):
                yield f"contrast not measured ({why}): {node['html'][:120]}"


def examine(page: Page, axe: str) -> list[str]:
    """What axe finds, light and dark, and what does not fit 320 px."""
    problems = []
    page.set_viewport_size({"width": 320, "height": 700})
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > 320:
        problems.append(f"{wide} px wide at 320")
    page.set_viewport_size({"width": 1280, "height": 800})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(
            "document.querySelectorAll('details:not(.menu)').forEach((each) => each.open = true)"
        )
        result: dict[str, Any] = page.evaluate(f"(() => {{ {axe} }})(); axe.run(document)")
        for violation in result["violations"]:
            nodes = "; ".join(node["html"][:120] for node in violation["nodes"][:3])
            problems.append(f"{scheme} {violation['id']}: {nodes}")
        problems += [f"{scheme} {line}" for line in unmeasured(result)]
    return problems


def visit(browser: Browser, language: str, arguments: argparse.Namespace) -> int:
    """Draw one language; return how many things were found."""
    folder = arguments.folder / language
    folder.mkdir(parents=True, exist_ok=True)
    pages = {f"/{name}": html for name, html in draw(language, only=arguments.only)}
    page = browser.new_page(reduced_motion="reduce", bypass_csp=False)
    problems: list[str] = []
    page.on(
        "console",
        lambda message: problems.append(message.text) if message.type == "error" else None,
    )
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.route(f"{ORIGIN}/**", answer(pages, arguments.accent))
    total = 0
    for path, html in pages.items():
        problems.clear()
        (folder / f"{path[1:]}.html").write_text(html, encoding="utf-8")
        weight = len(gzip.compress(html.encode(), 9))
        page.goto(ORIGIN + path)
        if not arguments.html:
            shoot(page, path[1:], folder)
        if weight > 10_240:
            problems.append(f"{weight} bytes gzipped")
        if arguments.axe:
            problems.extend(examine(page, arguments.axe.read_text()))
        total += len(problems)
        for line in problems:
            print(f"{language}{path}: {line}")
    page.close()
    return total


def main() -> int:
    """Draw all languages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--languages", nargs="*", default=list(LANGUAGES))
    parser.add_argument("--html", action="store_true", help="no pictures")
    parser.add_argument("--accent", default=DEFAULT_ACCENT)
    parser.add_argument("--axe", type=Path, help="axe-core's axe.min.js")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        count = sum(visit(browser, language, arguments) for language in arguments.languages)
        browser.close()
    print(f"{count} findings")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
