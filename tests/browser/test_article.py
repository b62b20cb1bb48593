"""The help article, step by step, in a real browser: with scripts, without, and without a mouse."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.article import Article, Walker
from tests.support.chromium import AGENT, BrowserWalker, KeyboardWalker, watched
from tests.support.live import LiveDemo
from tests.support.plain_walker import PlainWalker


pytestmark = pytest.mark.browser


def walk(demo: LiveDemo, walker: Walker) -> dict[str, Any]:
    """Walk all of it from the start; what the database then holds."""
    demo.reset()
    began = demo.audit_seq()
    Article(demo, walker).walk()
    return demo.state(after_seq=began)


@pytest.mark.row("IOP-03")
def test_it_ends_alike_with_scripts_without_and_without_a_browser(
    browser: Browser, demo: LiveDemo
) -> None:
    with watched(browser, demo.url) as context:
        with_scripts = walk(demo, BrowserWalker(context.new_page()))
    with watched(browser, demo.url, java_script_enabled=False) as context:
        without = walk(demo, BrowserWalker(context.new_page()))
    with closing(PlainWalker(demo.url, AGENT)) as walker:
        plain = walk(demo, walker)
    assert without == with_scripts
    assert plain == with_scripts
    assert with_scripts["apps"] == with_scripts["phones"] == with_scripts["recovery_sets"] == {}
    assert sum(with_scripts["sessions"].values()) == 1
    demo.verify_audit()


def test_it_needs_no_mouse(browser: Browser, demo: LiveDemo) -> None:
    with watched(browser, demo.url, viewport={"width": 1280, "height": 900}) as context:
        walker = KeyboardWalker(context.new_page())
        state = walk(demo, walker)
    assert walker.stops > 100
    assert state["apps"] == {}
    assert state["events"][-1] == ("two_step.disabled", "ok")


def test_no_secret_stands_in_the_clear_after_it(browser: Browser, demo: LiveDemo) -> None:
    """The database's file and its journal hold neither the app's secret nor a code."""
    with watched(browser, demo.url) as context:
        article = Article(demo, BrowserWalker(context.new_page()))
        article.sign_in()
        article.walker.arrive("/", "Welcome, alice")
        article.enable()
        article.add_phone()
        article.show_codes()
    with closing(sqlite3.connect(demo.folder / "twostep.sqlite3")) as database:
        text = "\n".join(database.iterdump())
    files = b"".join(path.read_bytes() for path in demo.folder.glob("twostep.sqlite3*"))
    for code in article.codes:
        assert code not in text
        assert code.replace("-", "").encode() not in files
    key = article.uri.split("secret=")[1].split("&")[0]
    assert key not in text
    assert article.secret not in files
    assert article.secret.hex().upper() not in text
