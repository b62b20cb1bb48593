"""The whole panel below a path of somebody else's site: nothing of it leads out of there."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.support.product import (
    AppEntry,
    Browser,
    TestProduct,
    decode_secret,
    open_test_product,
    setup_uri,
)


ROOT = "/mfa"
ADDRESS = re.compile(r'\b(?:href|action|src|data-status-url|data-passkey|data-post)="([^"]*)"')
SIGNAL = re.compile(r'data-signal-url="([^"]+)"')


def addresses(page: httpx2.Response) -> set[str]:
    """Every address on this host that a page names, those for scripts too."""
    if not page.headers.get("content-type", "").startswith("text/html"):
        return set()
    written = {*ADDRESS.findall(page.text), *SIGNAL.findall(page.text)}
    whole = {urljoin(str(page.url), html.unescape(address)) for address in written if address}
    return {address for address in whole if urlsplit(address).netloc == page.url.host}


@dataclass
class Guest(Browser):
    """A browser that looks at every answer: whatever it names must stand below `ROOT`."""

    async def send(self, method: str, path: str, **more: Any) -> httpx2.Response:
        whole = path if path.startswith((f"{ROOT}/", "/.well-known/")) else ROOT + path
        answer = await super().send(method, whole, **more)
        named = addresses(answer)
        if location := answer.headers.get("location"):
            named.add(urljoin(str(answer.url), location))
        below = self.product.url + ROOT
        assert [address for address in named if not address.startswith(f"{below}/")] == [], whole
        return answer


@pytest.fixture(params=["alone", "in a host"])
def product(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[TestProduct]:
    """Served itself, or mounted by the router of another application."""
    with open_test_product(
        tmp_path, root_path=ROOT, support_email="help@example.com", policy__recovery_wait_hours=24
    ) as opened:
        opened.add_account()
        if request.param == "in a host":
            opened.app = Starlette(routes=[Mount(ROOT, app=opened.app)])  # type: ignore[assignment]
        yield opened


@pytest.fixture
def guest(product: TestProduct) -> Guest:
    """Nobody yet."""
    return Guest(product, "198.51.100.7", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0")


@pytest.fixture
def entry(guest: Guest) -> AppEntry:
    """Alice's app; the guest is Alice, signed in, with a phone and backup codes."""
    guest.sign_in()
    made = guest.enroll_app()
    guest.add_phone()
    guest.make_codes()
    return made


def path_of(answer: httpx2.Response) -> str:
    return str(answer.headers["location"])


def crawl(guest: Guest, start: str) -> dict[str, int]:
    """Open every address that can be reached from a page; that of a form that is only sent says 405."""
    statuses: dict[str, int] = {}
    waiting = [start]
    while waiting:
        path = waiting.pop()
        page = guest.get(path)
        statuses[path] = page.status_code
        named = {page.headers.get("location", path)}
        for address in addresses(page):
            parts = urlsplit(address)
            named.add(f"{parts.path}?{parts.query}" if parts.query else parts.path)
        waiting += named - statuses.keys() - {*waiting}
    return statuses


def test_a_signed_in_walk_stays_below_and_everything_it_meets_answers(
    guest: Guest, entry: AppEntry
) -> None:
    other = Guest(guest.product, "198.51.100.8", guest.user_agent)  # a session to end
    other.sign_in()
    assert path_of(other.post("/sign-in/code", code=entry.next_code())) == f"{ROOT}/"
    statuses = crawl(guest, f"{ROOT}/")
    assert set(statuses.values()) <= {200, 204, 303, 405}
    met = {path.partition("?")[0].removeprefix(ROOT) for path in statuses}
    assert {"/settings/security", "/settings/activity.csv", "/help", "/static/twostep.css"} <= met
    assert {
        "/settings/emails",
        "/settings/security/disable",
        "/sign-out",
        "/static/brand.css",
    } <= met
    assert len(met) > 38
    assert any(re.fullmatch(r"/settings/sessions/[\w-]+/end", path) for path in met)
    # Opened below, they still belong to Alice: the walk signed nobody out.
    assert guest.get("/api/session").json()["account"] == "alice"


def test_signing_in_leads_where_somebody_wanted_to_go(guest: Guest, entry: AppEntry) -> None:
    other = Guest(guest.product, "198.51.100.8", guest.user_agent)
    asked = other.get("/settings/sessions")
    assert path_of(asked) == f"{ROOT}/sign-in?next={ROOT}/settings/sessions"
    assert f'name="next" value="{ROOT}/settings/sessions"' in other.get(path_of(asked)).text
    form = {"username": "alice", "password": "a quiet evening by the lake"}
    first = other.post("/sign-in", next=f"{ROOT}/settings/sessions", **form)
    assert path_of(first) == f"{ROOT}/sign-in/code"
    crawled = crawl(other, path_of(first))
    assert set(crawled.values()) <= {200, 303, 405}
    second = other.post(path_of(first), code=entry.next_code())
    assert path_of(second) == f"{ROOT}/settings/sessions"
    elsewhere = other.post("/language", language="de", next="https://example.org/")
    assert path_of(elsewhere) == f"{ROOT}/"
    assert path_of(other.post("/sign-out")) == f"{ROOT}/sign-in"


def test_a_form_that_came_too_late_is_kept_and_carried_out_below(
    guest: Guest, entry: AppEntry
) -> None:
    guest.product.clock.forward(20 * 60)
    late = guest.post("/settings/security/codes")
    assert path_of(late).startswith(f"{ROOT}/confirm?r=")
    kept = path_of(late).partition("r=")[2]
    assert "replace your backup codes" in guest.get(path_of(late)).text
    answer = guest.post("/confirm", r=kept, code=entry.next_code())
    assert (answer.status_code, path_of(answer)) == (303, f"{ROOT}/settings/security/codes")
    guest.product.clock.forward(20 * 60)
    asked = guest.get("/settings/security/disable")
    assert path_of(asked) == f"{ROOT}/confirm?r={ROOT}/settings/security/disable"
    form = {"r": f"{ROOT}/settings/security/disable", "code": entry.next_code()}
    assert path_of(guest.post("/confirm", **form)) == form["r"]


def test_links_in_mails_lead_below(guest: Guest, entry: AppEntry) -> None:
    product = guest.product
    guest.post("/forgot-password", username="alice")
    guest.post("/settings/emails", email="second@example.com")
    stranger = Guest(product, "198.51.100.9", guest.user_agent)
    stranger.sign_in()
    stranger.post("/recover")
    mails = product.mails()
    links = {
        address for mail in mails for address in re.findall(r"https://[^\s<>]*[\w/]", mail.text)
    }
    assert len(links) > 5
    for link in links:
        assert link == product.url + ROOT or link.startswith(f"{product.url}{ROOT}/"), link
        if link != product.url + ROOT:
            assert guest.get(link.removeprefix(product.url)).status_code in {200, 303}, link
    for page in ("/not-me/", "/reset-password/", "/settings/emails/confirm/", "/recover/cancel/"):
        assert product.newest_link(ROOT + page).startswith(ROOT + page)


def test_the_script_asks_the_session_below(guest: Guest, entry: AppEntry) -> None:
    source = re.search(r'src="([^"]+/twostep\.js\?\w+)"', guest.get("/").text)
    assert source is not None
    script = guest.get(source[1])
    assert "fetch(new URL(path, import.meta.url))" in script.text
    asked = re.findall(r'ask\("([^"]+)"\)', script.text)
    paths = [urlsplit(urljoin(str(script.url), path)).path for path in asked]
    assert paths == [f"{ROOT}/api/session/peek", f"{ROOT}/api/session"]
    assert [guest.get(path).status_code for path in paths] == [200, 200]


def test_waits_and_mistakes_lead_below_too(guest: Guest) -> None:
    for _ in range(12):
        answer = guest.sign_in(password="wrong")
    assert answer.status_code == 429
    for path in ("/nothing", "/settings%0A", "/not-me/x", "/reset-password/x", "/sign-in/send"):
        assert guest.get(path).status_code in {404, 405}
    foreign = guest.product.run(
        Browser.send(guest, "POST", f"{ROOT}/sign-in", headers={"sec-fetch-site": "cross-site"})
    )
    assert foreign.status_code == 403
    assert f'href="{ROOT}/sign-in"' in foreign.text


def test_the_printed_address_is_the_one_below_and_needs_no_slash(guest: Guest) -> None:
    guest.sign_in()
    secret = decode_secret(setup_uri(guest.get("/settings/security/app/new")))
    entry = AppEntry(secret, guest.product.clock)
    guest.post("/settings/security/app/new", code=entry.code())
    guest.post("/settings/security/codes")
    assert f"https://panel.example.com{ROOT}<" in guest.get("/settings/security/codes").text
    bare = guest.product.run(Browser.send(guest, "GET", ROOT))
    assert bare.status_code in {200, 307}  # a host's router adds the slash itself


def test_cookies_keep_the_path_that_their_prefix_demands(guest: Guest) -> None:
    """Browsers drop a `__Host-` cookie with any other path."""
    answer = guest.sign_in()
    cookies = answer.headers.get_list("set-cookie")
    assert cookies
    assert all("__Host-" in cookie and "; Path=/;" in cookie for cookie in cookies)


def test_outside_there_is_nothing_but_what_standards_put_there(tmp_path: Path) -> None:
    with open_test_product(tmp_path, root_path=ROOT, passkeys__endpoints=True) as product:
        browser = product.browser()
        for path in ("/", "/sign-in", "/settings", "/static/twostep.css", "/api/session", "/mfax"):
            assert browser.get(path).status_code == 404
        assert browser.get("/mfa/.well-known/change-password").status_code == 404
        moved = browser.get("/.well-known/change-password")
        assert path_of(moved) == f"{ROOT}/settings/password"
        below = f"{product.url}{ROOT}/settings/security"
        named = browser.get("/.well-known/passkey-endpoints").json()
        assert named == {"enroll": f"{below}/passkey/new", "manage": below}
