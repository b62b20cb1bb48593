"""A browser that takes no cookie is told so, instead of being sent round in a circle."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from tests.support.product import Browser, TestProduct, open_test_product, words


SAID = "Your browser blocked our cookie"


class Blocking(Browser):
    """Takes no cookie, and says as browsers do which page sent it on."""

    def follow(self, answer: httpx2.Response, **headers: str) -> httpx2.Response:
        self.jar.clear()
        return self.get(answer.headers["location"], **headers)


def open_browser(product: TestProduct) -> Blocking:
    made = product.browser()
    return Blocking(made.product, made.network, made.user_agent)


@pytest.mark.parametrize("two_step", [True, False])
def test_the_page_after_the_password_says_that_the_cookie_was_blocked(
    tmp_path: Path, *, two_step: bool
) -> None:
    with open_test_product(tmp_path) as product:
        product.add_account()
        if two_step:
            owner = product.browser()
            owner.sign_in()
            owner.enroll_app()
        form = f"{product.url}/sign-in"
        browser = open_browser(product)
        assert SAID not in words(browser.get("/sign-in"))
        after = browser.follow(browser.sign_in(), referer=form)
        assert after.headers["location"].startswith("/sign-in?cookie=blocked")
        page = browser.follow(after, referer=form)
        assert page.status_code == 200
        assert SAID in words(page)
        # Allowed now, the same page lets in and says it no more.
        assert browser.sign_in().status_code == 303
        assert SAID not in words(browser.get(after.headers["location"]))


def test_nobody_else_is_told_so(tmp_path: Path) -> None:
    with open_test_product(tmp_path) as product:
        product.add_account()
        form = f"{product.url}/sign-in"
        browser = open_browser(product)
        for path in ("/", "/sign-in/code", "/settings"):
            for headers in (
                {},
                {"referer": f"{product.url}/help"},
                {"referer": "https://elsewhere.example/sign-in"},
                {"referer": "http://[broken/sign-in"},
                {"referer": form, "cookie": "twostep=ended"},
            ):
                answer = browser.get(path, **headers)
                assert answer.status_code == 303, (path, headers)
                assert "blocked" not in answer.headers["location"], (path, headers)
