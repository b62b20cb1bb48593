"""GET /api/session: the short way says exactly what the ordinary one says, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.product import TestProduct, open_test_product
from twostep.web.door import session_check


@pytest.fixture
def product(tmp_path: Path) -> Iterator[TestProduct]:
    with open_test_product(tmp_path) as opened:
        opened.add_account()
        yield opened


IDLE = 30 * 60


def both(product: TestProduct, cookie: str, **headers: str) -> tuple[httpx2.Response, ...]:
    """The answers of the short way and, because of the question mark, of the ordinary one."""
    sent = {"cookie": cookie, **headers}
    browser = product.browser()
    return browser.get("/api/session", **sent), browser.get("/api/session?all=1", **sent)


def cookies_of(jar: httpx2.Cookies) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar.jar)


def test_a_full_session_gets_one_and_the_same_answer_on_both_ways(product: TestProduct) -> None:
    alice = product.browser()
    alice.sign_in()
    alice.enroll_app()
    short, ordinary = both(product, cookies_of(alice.jar))
    assert short.status_code == ordinary.status_code == 200
    assert short.json() == ordinary.json()
    assert short.json()["aal"] == "aal2"
    assert sorted(short.headers.multi_items()) == sorted(ordinary.headers.multi_items())


def test_who_has_no_full_session_gets_no_yes_on_either_way(product: TestProduct) -> None:
    alice = product.browser()
    alice.sign_in()
    app = alice.enroll_app()
    half = product.browser()
    half.sign_in()
    full = cookies_of(alice.jar)
    for cookie in (
        "",
        "twostep=",
        "__Host-twostep=x",
        cookies_of(half.jar),
        full.replace("; ", "x; ", 1),
        full.upper(),
    ):
        short, ordinary = both(product, cookie)
        assert short.status_code == ordinary.status_code == 401, cookie
    short, ordinary = both(product, full, host="evil.example")
    assert short.status_code == ordinary.status_code == 421
    assert half.post("/sign-in/code", code=app.next_code()).status_code == 303
    assert both(product, cookies_of(half.jar))[0].status_code == 200


def test_the_end_of_a_session_is_the_end_at_once(product: TestProduct) -> None:
    alice, elsewhere = product.browser(), product.browser()
    alice.sign_in()
    elsewhere.sign_in()
    cookie = cookies_of(elsewhere.jar)
    assert both(product, cookie)[0].status_code == 200
    alice.post("/settings/sessions/end-others")
    assert [answer.status_code for answer in both(product, cookie)] == [401, 401]
    product.clock.forward(13 * 3600)
    assert both(product, cookies_of(alice.jar))[0].status_code == 401


def test_the_short_way_is_taken(product: TestProduct) -> None:
    """Without it everything else here would pass as well."""
    alice = product.browser()
    alice.sign_in()
    check = session_check.SessionCheck(
        product.env, {product.url.partition("//")[2]}, refuse_forwarded=False
    )
    headers = {"host": product.url.partition("//")[2], "cookie": cookies_of(alice.jar)}
    scope = {
        "method": "GET",
        "path": "/api/session",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    said = product.run(check.answer(scope, extends=True))
    assert said is not None
    assert said[0]["status"] == 200
    assert b'"alice"' in said[1]["body"]
    assert product.run(check.answer(scope | {"method": "POST"}, extends=True)) is None
    demo = session_check.SessionCheck(product.env, {headers["host"]}, refuse_forwarded=True)
    forwarded = scope | {"headers": [*scope["headers"], (b"x-forwarded-for", b"192.0.2.1")]}
    assert product.run(demo.answer(forwarded, extends=True)) is None
    assert product.run(check.answer(forwarded, extends=True)) is not None
    product.clock.forward(30)
    assert product.run(check.answer(scope, extends=True)) is None  # there is something to write
    assert product.run(check.answer(scope, extends=False)) is not None


def test_work_in_an_application_behind_it_is_activity(product: TestProduct) -> None:
    alice = product.browser()
    alice.sign_in()
    for _ in range(12):
        product.clock.forward(IDLE - 1)
        answer = alice.get("/api/session")
        assert answer.status_code == 200
        assert answer.json()["expires_at"] == product.clock.now + IDLE
    product.clock.forward(IDLE)
    assert alice.get("/api/session").status_code == 401


def test_it_is_written_once_in_30_seconds(product: TestProduct) -> None:
    alice = product.browser()
    alice.sign_in()
    until = product.clock.now + IDLE
    product.clock.forward(29)
    assert alice.get("/api/session").json()["expires_at"] == until
    product.clock.forward(1)
    assert alice.get("/api/session").json()["expires_at"] == until + 30
    assert alice.get("/api/session/peek").json()["expires_at"] == until + 30


def test_what_asks_by_itself_keeps_nobody_signed_in(product: TestProduct) -> None:
    alice = product.browser()
    alice.sign_in()
    full = alice.get("/api/session")
    for _ in range(IDLE // 60 - 1):
        product.clock.forward(60)
        answer = alice.get("/api/session/peek")
        assert answer.json() == full.json()
        assert sorted(answer.headers.multi_items()) == sorted(full.headers.multi_items())
    product.clock.forward(60)
    assert alice.get("/api/session/peek").status_code == 401


def test_no_activity_outlives_the_session(product: TestProduct) -> None:
    alice = product.browser()
    alice.sign_in()
    end = product.clock.now + 12 * 3600
    while product.clock.now < end - 600:
        product.clock.forward(600)
        assert alice.get("/api/session").json()["expires_at"] <= end
    product.clock.forward(600)
    assert alice.get("/api/session").status_code == 401
