"""Two products in one process have nothing in common but the code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.product import AppEntry, Browser, TestProduct, open_test_product


@pytest.fixture
def harbour(tmp_path: Path) -> Iterator[TestProduct]:
    folder = tmp_path / "harbour"
    folder.mkdir()
    with open_test_product(folder, panel_name="Harbour", policy__phones=False) as opened:
        opened.add_account()
        yield opened


@pytest.fixture
def lighthouse(tmp_path: Path, harbour: TestProduct) -> Iterator[TestProduct]:
    """Made after the other one, and so the last that could leave something behind."""
    folder = tmp_path / "lighthouse"
    folder.mkdir()
    settings = {"panel_name": "Lighthouse", "accent_colour": "#aa3311"}
    with open_test_product(folder, root_path="/light", **settings) as opened:
        opened.add_account()
        yield opened


def enroll(browser: Browser) -> AppEntry:
    root = browser.product.env.root_path
    browser.post(f"{root}/sign-in", username="alice", password="a quiet evening by the lake")
    entry = browser.product.scan(browser.get(f"{root}/settings/security/app/new"))
    assert browser.post(f"{root}/settings/security/app/new", code=entry.code()).status_code == 303
    return entry


def test_each_shows_itself(harbour: TestProduct, lighthouse: TestProduct) -> None:
    here, there = harbour.browser(), lighthouse.browser()
    for _ in range(2):  # the second time from whatever the first has kept
        ours, theirs = here.get("/sign-in").text, there.get("/light/sign-in").text
        assert "Sign in to Harbour" in ours
        assert "Sign in to Lighthouse" in theirs
        assert 'href="/forgot-password"' in ours
        assert 'href="/light/forgot-password"' in theirs
        assert "/light/" not in ours
        sheets = here.get("/static/brand.css"), there.get("/light/static/brand.css")
        assert sheets[0].text != sheets[1].text
        assert here.get("/light/sign-in").status_code == there.get("/sign-in").status_code == 404


def test_each_has_its_own_policy(harbour: TestProduct, lighthouse: TestProduct) -> None:
    here, there = harbour.browser(), lighthouse.browser()
    enroll(there)
    enroll(here)
    assert here.get("/settings/security/phone/new").status_code == 404
    assert there.get("/light/settings/security/phone/new").status_code == 200
    assert "Add phone number" not in here.get("/settings/security").text
    assert "Add phone number" in there.get("/light/settings/security").text


def test_each_carries_out_the_forms_that_it_kept(
    harbour: TestProduct, lighthouse: TestProduct
) -> None:
    here, there = harbour.browser(), lighthouse.browser()
    for browser in (here, there, here):
        product, root = browser.product, browser.product.env.root_path
        entry = enroll(browser)
        product.clock.forward(20 * 60)
        late = browser.post(f"{root}/settings/security/disable")
        kept = late.headers["location"].removeprefix(f"{root}/confirm?r=")
        answer = browser.post(f"{root}/confirm", r=kept, code=entry.next_code())
        assert answer.headers["location"] == f"{root}/settings/security"
        assert "Two-step sign-in (MFA) is off" in browser.get(answer.headers["location"]).text
