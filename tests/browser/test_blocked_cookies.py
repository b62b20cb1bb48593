"""A browser whose owner has forbidden cookies, and one without scripts: the page says what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.support.chromium import ARGUMENTS
from tests.support.live import LiveDemo


pytestmark = pytest.mark.browser
FORBIDDEN = {"profile": {"default_content_setting_values": {"cookies": 2}}}


def test_a_browser_that_forbids_cookies_is_told_so(demo: LiveDemo, tmp_path: Path) -> None:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is missing: run tools/test_packages.sh")
    (tmp_path / "Default").mkdir()
    (tmp_path / "Default/Preferences").write_text(json.dumps(FORBIDDEN))
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path, executable_path=program, args=list(ARGUMENTS), java_script_enabled=False
        )
        page = context.new_page()
        page.goto(f"{demo.url}/sign-in")
        said = page.get_by_text("Your browser blocked our cookie")
        expect(said).to_have_count(0)
        page.get_by_label("Username or e-mail").fill("alice")
        page.get_by_label("Password", exact=True).fill("alice-demo-password")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(said).to_be_visible()
        assert context.cookies() == []
        context.close()
