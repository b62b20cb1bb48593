"""Chromium for the module, one demo for the whole run, put back to its start for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.article import Article
from tests.support.chromium import AGENT, launch
from tests.support.live import LiveDemo, live_demo
from tests.support.plain_walker import PlainWalker


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # For the module only: as long as it runs, no other event loop can start in this process.
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDemo]:
    with live_demo(tmp_path_factory.mktemp("browser") / "demo") as demo:
        # An account's very first sign-in is told to nobody; every later one in a new browser is.
        with closing(PlainWalker(demo.url, AGENT)) as walker:
            Article(demo, walker).sign_in()
        yield demo


@pytest.fixture
def demo(running: LiveDemo) -> LiveDemo:
    running.reset()
    return running
