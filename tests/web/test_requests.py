"""Requests that no honest browser sends, and honest ones that come too late, twice or from elsewhere.

Each gets the right status and a page that says so, changes nothing, and shows nothing of the inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.house import PASSWORD
from tests.support.meddle import tables
from tests.support.product import (
    ENROLMENT,
    AppEntry,
    Browser,
    TestProduct,
    backup_codes,
    method_ids,
    open_test_product,
    problem,
    setup_uri,
    words,
)
from twostep.flows.account.accounts import AccountView, view_account
from twostep.web.door.forms import LARGEST_BODY
from twostep.web.routes import PAGES
from twostep.web.visit import Access, Page


FORM = "application/x-www-form-urlencoded"
SECURITY = "/settings/security"
LONG = "x" * 10_000
FIELDS = (
    ("username", "password", "next", "code", "remember", "way"),
    ("country", "number", "channel", "name", "proof", "r"),
    ("method", "email", "language", "time_zone", "current_password", "new_password"),
)
# Their form is one button: sent with whatever fields, they do what the button says.
ONE_BUTTON = frozenset(
    {
        "/sign-out",
        "/settings/sessions/end-others",
        f"{SECURITY}/browsers/forget-all",
        f"{SECURITY}/codes",
        f"{SECURITY}/disable",
    }
)
# Written at every refusal: who asked, when, and how often.
CHANGES_ANYWAY = {"accounts": {"version", "audit_seq", "audit_hash", "audit_tag"}}
# A request that no page saw stands in the trail of the session it came with.
TRAIL = frozenset({"audit_records", "audit_changed", "refusals"})
WRITTEN_DOWN = TRAIL | {"system_chains", "throttles"}
# An account's handle for passkeys is made when its page first asks, and stays.
WRITTEN_DOWN |= {"passkey_handles"}


@pytest.fixture
def product(tmp_path: Path) -> Iterator[TestProduct]:
    with open_test_product(tmp_path) as opened:
        opened.add_account("alice")
        yield opened


@pytest.fixture
def alice(product: TestProduct) -> Browser:
    """Signed in, two-step sign-in off."""
    browser = product.browser()
    browser.sign_in()
    return browser


@pytest.fixture
def entry(alice: Browser) -> AppEntry:
    """Two-step sign-in is on for alice."""
    return alice.enroll_app()


def dump(product: TestProduct, *, without: frozenset[str] = TRAIL) -> dict[str, list[Any]]:
    """Everything in the database, once all that was queued is sent."""
    product.deliver()
    return {
        name: sorted(
            str({k: row[k] for k in row if k not in CHANGES_ANYWAY.get(name, ())}) for row in rows
        )
        for name, rows in tables(product.database_url).items()
        if name not in without
    }


def raw(
    browser: Browser,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str | None] | None = None,
) -> httpx2.Response:
    """A request byte by byte. Headers of None are left out."""
    product = browser.product
    defaults: dict[str, str | None] = {"origin": product.url, "user-agent": browser.user_agent}
    if body:
        defaults["content-type"] = FORM

    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(product.app, client=(browser.network, 40_000))
        async with httpx2.AsyncClient(
            transport=transport, base_url=product.url, cookies=browser.jar
        ) as client:
            sent = {
                name: text.encode("latin-1")
                for name, text in (defaults | (headers or {})).items()
                if text is not None
            }
            return await client.request(method, path, content=body, headers=sent)

    answer = product.run(send())
    assert answer.status_code < 500, answer.text
    for inside in ("Traceback", 'File "', "sqlite", "site-packages"):
        assert inside not in answer.text
    return answer


def filled(page: Page, part: str = "A" * 22) -> str:
    """The page's address with something of the right shape for its parts."""
    return re.sub(r"\{\w+\}", part, page.path)


def asks(page: Page) -> set[int]:
    """What a question gets that changes nothing: the options of a passkey's ceremony."""
    return {200} if page.path.endswith("/passkey/options") else set()


def posts() -> list[Page]:
    return [page for page in PAGES if page.post and not page.signed]


# ── bodies ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"code=" + b"1" * LARGEST_BODY, {}, 413),
        (b"code=1", {"content-length": str(10**9)}, 413),
        (b"code=123456", {"content-type": "application/json"}, 415),
        (b"code=123456", {"content-type": "multipart/form-data; boundary=x"}, 415),
        (b"code=123456", {"content-type": "text/plain"}, 415),
        (b"code=123456", {"content-type": None}, 415),
        (b"code=123456", {"content-type": f"{FORM}; charset=utf-16"}, 415),
        (b"code=12%0034", {}, 400),
        (b"co\x00de=1234", {}, 400),
        (b"code=\xff\xfe", {}, 400),
        (b"code=%ff%fe", {}, 400),
        (b"&".join(b"a%d=1" % number for number in range(101)), {}, 400),
    ],
)
def test_no_page_reads_such_a_body(
    product: TestProduct,
    alice: Browser,
    entry: AppEntry,
    body: bytes,
    headers: dict[str, str | None],
    status: int,
) -> None:
    before = dump(product)
    for page in posts():
        if page.access is not Access.HALF and not page.raw:
            answer = raw(alice, "POST", filled(page), body, headers)
            assert answer.status_code == status, page.path
            assert "<h1" in answer.text
    assert dump(product) == before


@pytest.mark.parametrize("names", FIELDS)
def test_fields_of_ten_thousand_characters_change_nothing(
    product: TestProduct, alice: Browser, entry: AppEntry, names: tuple[str, ...]
) -> None:
    body = "&".join(f"{name}={LONG}" for name in names).encode()
    assert len(body) < LARGEST_BODY
    before = dump(product, without=WRITTEN_DOWN)
    for page in posts():
        if page.path not in ONE_BUTTON:
            answer = raw(alice, "POST", filled(page), body)
            assert answer.status_code in {303, 404, 422, 429, *asks(page)}, page.path
    assert dump(product, without=WRITTEN_DOWN) == before
    half = product.browser(network="203.0.113.9")
    half.sign_in()
    assert raw(half, "POST", "/sign-in/code", body).status_code == 422
    assert raw(half, "POST", "/sign-in/send", body).status_code in {404, 422}


def test_missing_fields_change_nothing(
    product: TestProduct, alice: Browser, entry: AppEntry
) -> None:
    before = dump(product, without=WRITTEN_DOWN)
    for page in posts():
        if page.path not in ONE_BUTTON:
            answer = raw(alice, "POST", filled(page))
            assert answer.status_code in {303, 404, 422, *asks(page)}, page.path
    assert dump(product, without=WRITTEN_DOWN) == before
    half = product.browser(network="203.0.113.9")
    half.sign_in()
    assert raw(half, "POST", "/sign-in/code").status_code == 422
    assert raw(half, "POST", "/sign-in/send").status_code == 404


def test_of_equal_fields_one_counts_and_unknown_ones_do_not(
    product: TestProduct, alice: Browser
) -> None:
    entry = product.scan(alice.get(ENROLMENT))
    now = product.clock.now
    body = f"code=000000&code={entry.code()}&Date={now - 90}&time={now - 90}&period=60"
    assert raw(alice, "POST", ENROLMENT, body.encode()).status_code == 303
    half = product.browser()
    half.sign_in()
    old = entry.code(steps=-3)
    body = f"code={old}&Date={now - 90}&time={now - 90}"
    assert raw(half, "POST", "/sign-in/code", body.encode()).status_code == 422


def test_an_address_with_a_nul_is_no_address(product: TestProduct, alice: Browser) -> None:
    before = dump(product)
    for page in PAGES:
        method = "GET" if page.get else "POST"
        if "{" in page.path:
            assert raw(alice, method, filled(page, "a%00b")).status_code == 404, page.path
        assert raw(alice, method, f"{filled(page)}?r=%00").status_code == 400, page.path
    assert dump(product) == before


# ── where it comes from ─────────────────────────────────────────────────────────────────────────


@pytest.mark.row("WEB-02")
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://panel.example.com"},
        {"origin": "https://panel.example.com.evil.example"},
        {"origin": "https://panel.example.com:8443"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": None},
        {"origin": None, "referer": "https://panel.example.com/sign-in"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": ""},
    ],
)
def test_forms_from_elsewhere_reach_no_page(
    product: TestProduct, alice: Browser, entry: AppEntry, headers: dict[str, str | None]
) -> None:
    before = dump(product)
    good = f"username=alice&password={PASSWORD}&code={entry.next_code()}".encode()
    for page in posts():
        answer = raw(alice, "POST", filled(page), good, headers)
        assert answer.status_code == 403, page.path
        assert "Nothing was changed" in words(answer)
    assert raw(alice, "POST", "/no/such/page", good, headers).status_code == 403
    assert dump(product) == before


@pytest.mark.row("WEB-02")
def test_same_origin_said_by_the_browser_is_enough(product: TestProduct) -> None:
    same_origin: dict[str, str | None] = {"origin": None, "sec-fetch-site": "same-origin"}
    body = f"username=alice&password={PASSWORD}".encode()
    answer = raw(product.browser(), "POST", "/sign-in", body, same_origin)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "panel.example.com.evil.example", "panel.example.com:8443", "127.0.0.1", ""],
)
def test_another_host_is_misdirected_before_anything_else(
    product: TestProduct, alice: Browser, host: str
) -> None:
    before = dump(product)
    for method, path in (("GET", "/"), ("POST", "/sign-out"), ("GET", "/nope"), ("PUT", "/")):
        answer = raw(alice, method, path, headers={"host": host, "origin": "https://evil.example"})
        assert answer.status_code == 421
        assert host == "" or host not in answer.text
    assert dump(product) == before
    assert raw(alice, "GET", "/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["panel.example.com:443", "PANEL.example.com:443"])
def test_the_default_port_may_be_written_out(
    product: TestProduct, alice: Browser, host: str
) -> None:
    for path in ("/settings", "/api/session"):
        assert raw(alice, "GET", path, headers={"host": host}).status_code == 200
    assert (
        raw(alice, "GET", "/settings", headers={"host": "panel.example.com:80"}).status_code == 421
    )


def test_a_slash_at_the_end_leads_to_the_page_that_was_meant(alice: Browser) -> None:
    for path, there in (
        ("/settings/", "/settings"),
        ("/sign-in/?next=/settings&x=%2F", "/sign-in?next=/settings&x=%2F"),
        ("/settings/security/", "/settings/security"),
    ):
        answer = raw(alice, "GET", path)
        assert (answer.status_code, answer.headers["location"]) == (308, there)
    for method, path in (
        ("GET", "/nope/"),
        ("GET", "/settings/security//"),
        ("GET", "/settings//"),
        ("POST", "/sign-out/"),
    ):
        assert raw(alice, method, path).status_code == 404


@pytest.mark.row("THR-08")
def test_forwarded_headers_of_strangers_count_for_nothing(product: TestProduct) -> None:
    stranger = product.browser()
    form = b"username=alice&password=wrong"
    for number in range(11):
        headers: dict[str, str | None] = {"x-forwarded-for": f"203.0.113.{number}"}
        answer = raw(stranger, "POST", "/sign-in", form, headers)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


# ── methods and addresses ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND"])
def test_no_page_takes_another_method(product: TestProduct, alice: Browser, method: str) -> None:
    before = dump(product)
    for page in PAGES:
        answer = raw(alice, method, filled(page))
        assert answer.status_code == 405, page.path
        assert set(answer.headers["allow"].split(", ")) <= {"GET", "HEAD", "POST"}
    assert dump(product) == before


@pytest.mark.row("SES-05")
def test_a_page_that_only_acts_has_nothing_to_show(product: TestProduct, alice: Browser) -> None:
    before = dump(product)
    for page in PAGES:
        for method in ("GET", "HEAD") if page.get is None else ():
            answer = raw(alice, method, filled(page))
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST"), page.path
        if page.post is None:
            answer = raw(alice, "POST", filled(page), b"a=1")
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD"), page.path
    assert dump(product) == before


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/settings//",
        "/Settings",
        "/settings//security",
        "/settings/security/nope",
        "/settings/security/method//remove",
        "/settings/security/method/%00/remove",
        "/settings/security/method/a'%20OR%201=1/remove",
        f"/settings/security/method/{'a' * 101}/remove",
        "/static/..%2f..%2ftwostep.toml",
        "/static/%2e%2e",
        "/static/nothing.css",
        "/not-me/%ff",
        "/%00",
        "/%c0%ae%c0%ae",
        "/.env",
        "/_demo/phone",
        "/_demo/messages",
        "/" + "a" * 5000,
    ],
)
def test_an_unknown_address_is_said_to_be_one(
    product: TestProduct, alice: Browser, path: str
) -> None:
    before = dump(product)
    for who in (alice, product.browser()):
        for method in ("GET", "POST"):
            answer = raw(who, method, path)
            if path.startswith("/static/") and method == "POST":
                assert answer.status_code in {404, 405}
                continue
            assert answer.status_code == 404, method
            assert "We can't find that page" in words(answer)
    assert dump(product) == before


@pytest.mark.row("FLW-07")
@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/\tevil.example",
        "/ok\r\nset-cookie: a=b",
        "settings",
        "/" + "a" * 3000,
    ],
)
def test_nobody_is_led_off_the_site(product: TestProduct, elsewhere: str) -> None:
    someone = product.browser()
    page = someone.product.run(
        someone.send("GET", str(httpx2.URL("/sign-in", params={"next": elsewhere})))
    )
    assert page.status_code == 200
    form = page.text.split('action="/sign-in"')[1].split("</form>")[0]
    assert 'name="next"' not in form
    answer = someone.post("/sign-in", username="alice", password=PASSWORD, next=elsewhere)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    shown = someone.product.run(
        someone.send("GET", str(httpx2.URL("/sign-in", params={"next": elsewhere})))
    )
    assert shown.headers["location"] == "/"
    assert someone.post("/language", language="de", next=elsewhere).headers["location"] == "/"
    entry = someone.enroll_app()
    product.clock.forward(660)
    answer = someone.post("/confirm", r=elsewhere, code=entry.code())
    assert answer.headers["location"] in {"/settings", SECURITY}


def test_the_page_that_was_asked_for_comes_after_both_steps(
    product: TestProduct, alice: Browser, entry: AppEntry
) -> None:
    later = product.browser()
    asked = later.get("/settings/activity?kind=all").headers["location"]
    page = later.get(asked)
    target = re.search(r'name="next" value="([^"]+)"', page.text)
    assert target is not None
    later.post("/sign-in", username="alice", password=PASSWORD, next=target[1])
    answer = later.post("/sign-in/code", code=entry.next_code())
    assert answer.headers["location"] == "/settings/activity?kind=all"


# ── cookies ─────────────────────────────────────────────────────────────────────────────────────


def test_a_cookie_that_was_cut_or_forged_is_no_session(
    product: TestProduct, alice: Browser
) -> None:
    name, value = next((k, v) for k, v in alice.jar.items() if k.endswith("twostep"))
    before = dump(product)
    other = ("A" if value[0] != "A" else "B") + value[1:]
    thief = product.browser()
    for forged in (
        value[:-1],
        value + "A",
        other,
        value.swapcase(),
        value * 300,
        "",
        "%00",
        "\xe9",
    ):
        cookie = f"{name}={forged}"
        answer = raw(thief, "GET", "/settings", headers={"cookie": cookie})
        assert answer.headers["location"] == "/sign-in?next=/settings", forged[:50]
        answer = raw(thief, "POST", "/settings/sessions/end-others", headers={"cookie": cookie})
        assert answer.headers["location"] == "/sign-in"
    for cookie in (f"{name}={other}; {name}={value}", ";;=;,"):
        answer = raw(thief, "GET", "/settings", headers={"cookie": cookie})
        assert answer.headers["location"] == "/sign-in?next=/settings"
    assert dump(product) == before
    assert alice.get("/settings").status_code == 200


@pytest.mark.parametrize(("count", "size"), [(1, 9_000), (200, 100), (2_000, 1)])
def test_a_neighbours_cookies_do_not_sign_anybody_out(
    product: TestProduct, alice: Browser, count: int, size: int
) -> None:
    """Another program on the host may fill the header up to what the server accepts."""
    ours = "; ".join(f"{name}={value}" for name, value in alice.jar.items())
    theirs = "; ".join(f"c{number}={'y' * size}" for number in range(count))
    for cookie in (f"{theirs}; {ours}", f"{ours}; {theirs}"):
        for path in ("/settings", "/api/session"):
            nobody = product.browser()
            assert raw(nobody, "GET", path, headers={"cookie": cookie}).status_code == 200


def test_a_planted_browser_cookie_is_never_taken_over(product: TestProduct) -> None:
    victim = product.browser()
    planted = "A" * 43
    cookie = f"__Host-twostep-browser={planted}"
    body = f"username=alice&password={PASSWORD}".encode()
    answer = raw(victim, "POST", "/sign-in", body, {"cookie": cookie})
    fresh = [
        cookie for cookie in answer.headers.get_list("set-cookie") if "twostep-browser=" in cookie
    ]
    assert len(fresh) == 1
    assert planted not in fresh[0]


@pytest.mark.row("SES-05")
def test_signing_out_kills_the_old_value(product: TestProduct, alice: Browser) -> None:
    kept = product.browser()
    kept.jar.update(alice.jar)
    answer = alice.post("/sign-out")
    assert answer.headers["clear-site-data"] == '"storage"'
    assert kept.get("/settings").headers["location"] == "/sign-in?next=/settings"


# ── every route, without a session, with half of one, and with somebody else's ids ──────────────


def test_without_a_session_no_route_does_anything(product: TestProduct) -> None:
    nobody = product.browser()
    before = dump(product)
    for page in PAGES:
        if page.access is Access.OPEN:
            continue
        path = filled(page)
        if page.get:
            answer = nobody.get(path)
            if page.path.startswith("/api/"):
                assert answer.status_code == 401
                assert answer.headers["content-type"] == "application/problem+json"
            else:
                expected = "/sign-in" if page.access is Access.HALF else f"/sign-in?next={path}"
                assert answer.headers["location"] == expected
        if page.post:
            assert nobody.post(path, code="1").headers["location"] == "/sign-in", path
    assert dump(product) == before


@pytest.mark.row("FLW-02")
def test_half_a_session_opens_the_second_step_and_nothing_else(
    product: TestProduct, alice: Browser, entry: AppEntry
) -> None:
    half = product.browser()
    half.sign_in()
    before = dump(product)
    for page in PAGES:
        if page.access not in {Access.FULL, Access.ENROL}:
            continue
        for method in ("GET", *(("POST",) if page.post else ())):
            if method == "GET" and page.get is None:
                continue
            answer = raw(half, method, filled(page), b"name=x" if method == "POST" else b"")
            if page.path.startswith("/api/"):
                assert answer.status_code == 401
            else:
                assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in/code")
    assert dump(product) == before


def test_a_session_for_enrolment_opens_enrolment_and_nothing_else(tmp_path: Path) -> None:
    with open_test_product(tmp_path, policy__require_two_step="all") as product:
        product.add_account()
        led = product.browser()
        assert led.sign_in().headers["location"] == ENROLMENT
        before = dump(product)
        for page in PAGES:
            if page.access not in {Access.FULL, Access.HALF} or page.get is None:
                continue
            answer = led.get(filled(page))
            if page.path.startswith("/api/"):
                assert answer.status_code == 401
            else:
                assert answer.headers["location"] == ENROLMENT, page.path
        assert dump(product) == before
        led.enroll_app()
        assert led.get("/settings").status_code == 200


@pytest.mark.row("ENR-03")
def test_what_is_somebody_elses_does_not_exist(
    product: TestProduct, alice: Browser, entry: AppEntry
) -> None:
    phone = alice.add_phone()
    app = method_ids(alice.get(SECURITY), "app")[0]
    second = product.browser(network="203.0.113.77")
    second.sign_in()
    second.post("/sign-in/code", code=entry.next_code())
    session = re.findall(r"/settings/sessions/([\w-]+)/end", alice.get("/settings/sessions").text)
    emails = alice.post("/settings/emails", email="alice@second.example")
    assert emails.status_code == 303
    address = re.findall(r"/settings/emails/([\w-]+)/remove", alice.get("/settings/emails").text)
    link = product.newest_link("/settings/emails/confirm/")
    product.add_account("bob")
    bob = product.browser(network="203.0.113.5")
    bob.sign_in("bob")
    bob.enroll_app()
    ids = [app, phone, session[0], address[-1]]
    before = dump(product, without=WRITTEN_DOWN)
    tried = 0
    for page in PAGES:
        if "{id}" not in page.path:
            continue
        for foreign in ids:
            path = page.path.replace("{id}", foreign)
            for method in ("GET", "POST"):
                if (page.get if method == "GET" else page.post) is not None:
                    answer = raw(bob, method, path, b"name=mine" if method == "POST" else b"")
                    assert answer.status_code == 404, path
                    tried += 1
    assert tried > 30
    assert bob.get(link).status_code == 404
    assert bob.post(link).status_code == 422
    bob.post("/sign-out")
    bob.sign_in("bob")
    assert bob.post("/sign-in/send", method=phone, channel="sms").status_code == 404
    assert dump(product, without=WRITTEN_DOWN | {"sessions"}) == {
        name: rows for name, rows in before.items() if name != "sessions"
    }


@pytest.mark.row("OOB-13")
def test_nothing_is_sent_without_a_password(
    product: TestProduct, alice: Browser, entry: AppEntry
) -> None:
    phone = alice.add_phone()
    product.deliver()
    before = len(product.house.inbox.received)
    nobody = product.browser(network="203.0.113.5")
    forms = ("method", "channel", "r"), ("username", "password", "code"), ("country", "number")
    for page in posts():
        if page.path == "/forgot-password":
            continue
        for names in forms:
            fields = dict.fromkeys(names, "sms") | {"method": phone, "username": "alice"}
            nobody.post(filled(page), **fields)
    product.deliver()
    assert len(product.house.inbox.received) == before


# ── too late, twice, in two tabs ────────────────────────────────────────────────────────────────


def tab(browser: Browser) -> Browser:
    """Another tab as it was when it was opened: the same cookies, from then on its own."""
    other = browser.product.browser(network=browser.network)
    other.jar.update(browser.jar)
    return other


def test_reload_back_and_a_second_tab_show_the_same_secret(
    product: TestProduct, alice: Browser
) -> None:
    uri = setup_uri(alice.get(ENROLMENT))
    assert setup_uri(tab(alice).get(ENROLMENT)) == uri
    alice.post(ENROLMENT, code="000 00")
    alice.get("/settings")
    assert setup_uri(alice.get(ENROLMENT)) == uri
    product.clock.forward(300)
    assert setup_uri(alice.get(ENROLMENT)) == uri


def test_a_second_tab_that_confirms_first_leaves_one_app(
    product: TestProduct, alice: Browser
) -> None:
    other = tab(alice)
    entry = product.scan(alice.get(ENROLMENT))
    assert other.post(ENROLMENT, code=entry.code()).status_code == 303
    before = dump(product)
    late = alice.post(ENROLMENT, code=entry.next_code())
    assert (late.status_code, late.headers["location"]) == (303, "/sign-in")
    assert dump(product) == before
    # In one browser both tabs share the cookie: the form is then refused on its own page.
    late = other.post(ENROLMENT, code=entry.code())
    assert late.status_code == 422
    assert "expired" in words(late)
    assert len(method_ids(other.get(SECURITY), "app")) == 1


def test_back_after_the_wizard_shows_no_secret_of_the_app(
    product: TestProduct, alice: Browser
) -> None:
    uri = setup_uri(alice.get(ENROLMENT))
    alice.enroll_app()
    again = alice.get(ENROLMENT)
    assert setup_uri(again) != uri
    assert again.headers["cache-control"] == "no-store"
    key = uri.split("secret=")[1].split("&")[0]
    for page in PAGES:
        if page.get and "{" not in page.path:
            assert key not in alice.get(page.path).text, page.path


def test_a_phone_form_sent_twice_confirms_once(
    product: TestProduct, alice: Browser, entry: AppEntry
) -> None:
    form = {"country": "US", "number": "(202) 555-0100", "channel": "sms"}
    alice.post(f"{SECURITY}/phone/new", **form)
    code = product.newest_code()
    assert alice.post(f"{SECURITY}/phone/confirm", code=code).status_code == 303
    before = dump(product)
    assert alice.post(f"{SECURITY}/phone/confirm", code=code).status_code in {404, 422}
    assert alice.post(f"{SECURITY}/phone/resend", channel="sms").status_code == 404
    assert dump(product) == before
    again = alice.post(f"{SECURITY}/phone/new", **form)
    assert problem(again) == "You already added this number."


@pytest.mark.row("BKP-04")
def test_old_forms_of_replaced_codes_prove_nothing(
    product: TestProduct, alice: Browser, entry: AppEntry
) -> None:
    alice.post(f"{SECURITY}/codes")
    old = backup_codes(alice.get(f"{SECURITY}/codes"))
    alice.post(f"{SECURITY}/codes")
    new = backup_codes(alice.get(f"{SECURITY}/codes"))
    assert not set(old) & set(new)
    assert alice.post(f"{SECURITY}/codes", proof=old[0]).status_code == 422
    assert alice.post(f"{SECURITY}/codes", proof=new[0]).status_code == 303
    half = product.browser()
    half.sign_in()
    assert half.post("/sign-in/code", code=old[1]).status_code == 422
    assert half.post("/sign-in/code", code=new[1]).status_code == 303


@pytest.mark.row("OTP-07")
def test_a_code_form_sent_again_opens_nothing(
    product: TestProduct, alice: Browser, entry: AppEntry
) -> None:
    half = product.browser()
    half.sign_in()
    stale = tab(half)
    code = entry.next_code()
    assert half.post("/sign-in/code", code=code).headers["location"] == "/"
    assert half.post("/sign-in/code", code=code).headers["location"] == "/"
    assert stale.post("/sign-in/code", code=code).headers["location"] == "/sign-in"
    assert stale.get("/api/session").status_code == 401
    other = product.browser()
    other.sign_in()
    refused = other.post("/sign-in/code", code=code)
    assert refused.status_code == 422
    assert "already used" in problem(refused)


def test_disable_sent_twice_and_then_from_a_stale_tab(
    product: TestProduct, alice: Browser, entry: AppEntry
) -> None:
    stale = tab(alice)
    assert alice.post(f"{SECURITY}/disable").status_code == 303
    before = dump(product, without=frozenset({"sessions"}))
    for late in (alice.post(f"{SECURITY}/disable"), stale.post(f"{SECURITY}/disable")):
        assert late.status_code in {303, 422}
    assert dump(product, without=frozenset({"sessions"})) == before
    assert "Two-step sign-in (MFA) is off" in words(alice.get(SECURITY))


def test_a_mailed_link_leads_to_its_outcome_and_works_once(product: TestProduct) -> None:
    stranger = product.browser()
    asked = stranger.post("/forgot-password", username="alice")
    assert (asked.status_code, asked.headers["location"]) == (303, "/forgot-password?sent=1")
    unknown = stranger.post("/forgot-password", username="nobody")
    assert unknown.headers["location"] == asked.headers["location"]
    assert "a link is on its way" in words(stranger.get(asked.headers["location"]))
    link = product.newest_link("/reset-password/")
    form = {"password": "four unrelated paper boats"}
    answer = stranger.post(link, **form)
    assert answer.status_code == 303
    assert "Your new password works" in words(stranger.get(answer.headers["location"]))
    assert stranger.get(link).status_code == 404
    assert stranger.post(link, **form).status_code == 422
    assert stranger.get("/api/session").status_code == 401
    link = product.newest_link("/not-me/")
    before = dump(product)
    assert stranger.get(link).status_code == 200
    assert dump(product) == before
    answer = stranger.post(link)
    assert answer.status_code == 303
    assert "Your account is secured" in words(stranger.get(answer.headers["location"]))
    before = dump(product)
    assert stranger.post(link).status_code == 422
    assert dump(product) == before


def test_a_removal_form_sent_twice_says_that_there_is_no_such_thing(
    product: TestProduct, alice: Browser, entry: AppEntry
) -> None:
    phone = alice.add_phone()
    path = f"{SECURITY}/method/{phone}/remove"
    assert alice.post(path).status_code == 303
    before = dump(product)
    assert alice.post(path).status_code == 404
    assert dump(product) == before


def test_a_form_from_elsewhere_and_a_foreign_id_are_written_down(
    product: TestProduct, alice: Browser
) -> None:
    raw(alice, "POST", "/settings/profile", headers={"origin": "https://evil.example"})
    alice.post("/settings/sessions/somebody-elses/end")
    view = product.house.see(view_account, "alice")
    assert isinstance(view, AccountView)
    refusals = [
        activity for activity in product.events(view.account) if activity.event == "request.refused"
    ]
    assert [(refusal.data["reason"], refusal.data["path"]) for refusal in reversed(refusals)] == [
        ("origin", "/settings/profile"),
        ("not_found", "/settings/sessions/{id}/end"),
    ]
