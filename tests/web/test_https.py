"""What https adds: cookies that no other host can set, and a browser that never goes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.product import TestProduct, open_test_product


@pytest.fixture
def product(tmp_path: Path) -> Iterator[TestProduct]:
    with open_test_product(tmp_path, public_url="https://panel.example.com") as product:
        product.add_account()
        yield product


def test_every_cookie_of_a_sign_in_belongs_to_this_host_alone(product: TestProduct) -> None:
    alice = product.browser()
    set_cookies = alice.sign_in().headers.get_list("set-cookie")
    names = [cookie.partition("=")[0] for cookie in set_cookies]
    assert names == ["__Host-twostep", "__Host-twostep-browser"]
    for cookie in set_cookies:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes, cookie
        assert not any(part.startswith("domain") for part in attributes), cookie


def test_every_answer_says_that_https_is_the_only_way(product: TestProduct) -> None:
    visitor = product.browser()
    for path in ("/sign-in", "/", "/nowhere", "/api/session", "/static/favicon.svg", "/healthz"):
        policy = visitor.get(path).headers["strict-transport-security"]
        assert int(policy.partition("=")[2].partition(";")[0]) >= 365 * 86_400, path


def test_hosts_below_it_are_included_where_the_operator_says_so(tmp_path: Path) -> None:
    with open_test_product(tmp_path, server__hsts_subdomains=True) as product:
        policy = product.browser().get("/sign-in").headers["strict-transport-security"]
        assert policy.endswith("; includeSubDomains")


def test_the_languages_cookie_belongs_to_this_host_too(product: TestProduct) -> None:
    visitor = product.browser()
    answer = visitor.post("/language", language="de", next="/sign-in")
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-twostep-language=de;")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert '<html lang="de"' in visitor.get("/sign-in").text


def test_signing_out_expires_the_session_and_keeps_the_known_browser(product: TestProduct) -> None:
    alice = product.browser()
    alice.sign_in()
    answer = alice.post("/sign-out")
    (expired,) = answer.headers.get_list("set-cookie")
    assert expired.startswith("__Host-twostep=")
    assert "max-age=0" in expired.lower()
    assert answer.headers["clear-site-data"] == '"storage"'
