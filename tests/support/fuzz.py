"""What the fuzz test throws at every route, and the product that it is thrown at.

One product is used for all of it: whatever a request has changed is put back before the next one, so
every example starts from the same database.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

from tests.support.house import PASSWORD
from tests.support.meddle import Watched, tables
from tests.support.ports import free_port
from tests.support.product import (
    ENROLMENT,
    AppEntry,
    Browser,
    TestProduct,
    method_ids,
    open_test_product,
)
from tests.support.rows import change
from tests.support.waiting import PATIENCE_SECONDS
from twostep import server
from twostep.core.account import Account, Role
from twostep.delivery.providers import build_callbacks
from twostep.flows.env import SHELL
from twostep.flows.help_desk import acts as help_desk
from twostep.flows.help_desk.acts import Act
from twostep.main import build_app
from twostep.store.account import accounts
from twostep.web.routes import PAGES
from twostep.web.visit import Access, Page


FORM = "application/x-www-form-urlencoded"
SECURITY = "/settings/security"
LONG = 10_000
LONGEST_TARGET = 4_000  # what is longer than 32 KiB with its headers reaches no page
OPENED_BY = {
    Access.OPEN: frozenset({"none", "half", "full", "stale", "plain", "enrol", "operator"}),
    Access.HALF: frozenset({"half"}),
    Access.FULL: frozenset({"full", "stale", "plain", "operator"}),
    Access.ENROL: frozenset({"full", "stale", "plain", "operator", "enrol"}),
}
# Who was there, when, how often it was wrong: written at refusals too.
WRITTEN_DOWN = frozenset(
    {"audit_records", "audit_changed", "refusals", "system_chains", "throttles"}
)
COUNTED = {
    "accounts": frozenset(
        {"version", "audit_seq", "audit_hash", "audit_tag", "wrong_in_a_row", "guess_millionths"}
    ),
    "challenges": frozenset({"tries_left"}),
    "sessions": frozenset({"seen_at", "flash"}),
}
COUNTED["accounts"] |= {"guess_millionths"}
# Every field of the contract, those of the pages' own buttons, and some that nobody knows.
FIELDS = (
    *("username", "password", "next", "code", "remember", "way", "method", "channel"),
    *("country", "number", "name", "proof", "r", "email", "language", "time_zone"),
    *("current_password", "new_password", "credential", "alone", "link", "action", "replace"),
    *("", "unknown", "id", "__proto__", "code[]", "Date", "csrf", "two_step", "role"),
)
NASTY = (
    *("", " ", "0", "1", "-1", "1e309", "NaN", "null", "[]", "{}", "[[[", '"', "9" * 5000),
    *("\x00", "a\x00b", "\ud800", "\udfff\ud800", "\ufeff", "\u202e654321", "\u2066x\u2069"),
    *("١٢٣٤٥٦", "１２３４５６", "123 456", "12345", "1234567", "O0O0O0", "²³¹", "½"),
    *("//evil.example", "https://evil.example/", "/\\evil", "javascript:alert(1)", "/confirm"),
    *("' OR 1=1 --", "%00", "%", "%zz", "../../etc/passwd", "{{7*7}}", "${x}", "<script>"),
    *("\r\nSet-Cookie: a=b", "\u2028", "a@b", "a@b.c", '"a b"@c.example', "x" * 300 + "@d.example"),
    *("+1", "+", "tel:+12025550100;ext=5", "0" * 400, "🙂" * 70, "e\u0301" * 500, "ﷺ" * 500),
)
# Header lines besides those of a browser: second ones of what we decide by, and wishes.
ODD_NAMES = (
    *(b"Host", b"Origin", b"Cookie", b"Content-Type", b"X-Forwarded-For", b"Forwarded", b"Referer"),
    *(b"Accept-Language", b"User-Agent", b"Sec-Fetch-Site", b"Authorization", b"Upgrade", b"Range"),
    *(b"Connection", b"Transfer-Encoding", b"TE", b"Trailer", b"Expect", b"Content-Encoding"),
    *(
        b"X-Twilio-Signature",
        b"Webhook-Signature",
        b"Content_Length",
        b"Content-Length ",
        b"X",
        b"",
    ),
)
ODD_VALUES = (
    *(
        b"panel.example.com",
        b"panel.example.com:443",
        b"https://panel.example.com",
        b"evil.example",
    ),
    *(b"same-origin", b"cross-site", b"203.0.113.7", b"203.0.113.7, , 10.0.0.1", b"for=1.2.3.4"),
    *(
        b"chunked",
        b"gzip, chunked",
        b"identity",
        b"gzip",
        b"application/json",
        b"keep-alive, close",
    ),
    *(
        b"de;q=0.5, ar",
        b"ar-EG;q=x",
        b"\xff\xfe",
        b"=?utf-8?q?a?=",
        b"__Host-twostep=x",
        b"twostep=;;=",
    ),
)
WISHES = (
    *((b"Upgrade", b"h2c"), (b"upgrade", b"websocket"), (b"UPGRADE", b"TLS/1.0, HTTP/2.0")),
    *(
        (b"Connection", b"Upgrade, HTTP2-Settings"),
        (b"connection", b"upgrade"),
        (b"Connection", b"close"),
    ),
    *((b"HTTP2-Settings", b"AAEAAEAAAAIA"), (b"Expect", b"100-continue"), (b"Expect", b"x")),
    *((b"Content-Length", b"0"), (b"Content-Length", b"+5"), (b"Content-Length", b"5, 5")),
    *(
        (b"Transfer-Encoding", b"chunked"),
        (b"Transfer-Encoding", b"xchunked"),
        (b"TE", b"trailers"),
    ),
)
ACTING = tuple(page for page in PAGES if page.post and not page.signed)
MARKS = re.compile(r"Traceback|File &#34;|File \"|sqlite|site-packages", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Target:
    """The product, its people's cookies, and values that mean something in it."""

    product: TestProduct
    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    parts: dict[str, list[str]] = field(default_factory=dict)
    good: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._watched = Watched(self.product.database_url)

    def close(self) -> None:
        self._watched.close()

    def keep(self) -> None:
        """From here every example starts."""
        self.product.deliver()
        self.product.browser().get("/readyz")  # its first probe leaves a row
        self._watched.keep()
        self.before = self.dump()

    def has_written(self) -> bool:
        """Whether anything at all was committed since."""
        return self._watched.has_written()

    def put_back(self) -> None:
        """As it was when it was kept."""
        self.product.deliver()
        self._watched.put_back()

    def dump(self) -> dict[str, list[str]]:
        """Every row, without what is written at refusals."""
        return {
            name: _as_text(rows, COUNTED.get(name, frozenset()))
            for name, rows in tables(self.product.database_url).items()
            if name not in WRITTEN_DOWN
        }

    def ask(self, request: Request) -> list[Answer]:
        """Send it, with the next visitor's request behind it."""
        raw = request.raw(self.product.url, self.cookies[request.session])
        return self.product.run(send(self.port, raw))


def _as_text(rows: list[dict[str, Any]], without: frozenset[str]) -> list[str]:
    return sorted(repr({name: row[name] for name in row if name not in without}) for row in rows)


@dataclass(frozen=True)
class Request:
    """One request. `target`: as it stands in the request line; `session`: whose cookie it carries;
    `odd`: header lines of nobody's browser, before or after (`odd_first`) the usual ones."""

    page: Page
    method: str
    session: str
    target: bytes
    body: bytes
    content_type: str
    odd: bytes = b""
    odd_first: bool = False

    def raw(self, url: str, cookie: str) -> bytes:
        """As it is sent, with the next visitor's request behind it, as a proxy would have it."""
        host = url.partition("//")[2]
        lines = (
            f"Host: {host}\r\nOrigin: {url}\r\nCookie: {cookie}\r\n"
            f"Content-Type: {self.content_type}\r\n"
        ).encode()
        if self.method == "POST":
            lines += b"Content-Length: %d\r\n" % len(self.body)
        lines = self.odd + lines if self.odd_first else lines + self.odd
        first = b"%s %s HTTP/1.1\r\n" % (self.method.encode(), self.target)
        behind = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        return first + lines + b"\r\n" + self.body + behind


async def send(port: int, request: bytes) -> list[Answer]:
    """Send it on a connection of its own; the answers until the server closes it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            return list(read_answers(await reader.read()))
        except ConnectionError:  # refused while more of it arrived, so that the answer was lost
            return [Answer(400, {"connection": "close"}, b"")]
        finally:
            writer.close()


def read_answers(raw: bytes) -> Iterator[Answer]:
    """Every final answer in what came on a connection."""
    while raw:
        head, _, raw = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split()[1])
        if status >= 200:
            fields = dict(line.split(": ", 1) for line in lines)
            length = "0" if status == 204 else fields.get("content-length")
            body, raw = read_body(raw, length)
            yield Answer(status, fields, body)


def read_body(raw: bytes, length: str | None) -> tuple[bytes, bytes]:
    """The body, in chunks where it has no length, and what follows it."""
    if length is not None:
        return raw[: int(length)], raw[int(length) :]
    body, size = b"", 1
    while size:
        line, _, raw = raw.partition(b"\r\n")
        size = int(line, 16)
        body, raw = body + raw[:size], raw[size + 2 :]
    return body, raw


# ── the product ─────────────────────────────────────────────────────────────────────────────────


@contextmanager
def open_target(folder: Path) -> Iterator[Target]:
    """A product with everything in it, seen by everybody there can be."""
    providers = {
        "vonage": {"api_key": "abcdef", "api_secret": "x", "from": "Panel"},
        "kannel": {"url": "http://127.0.0.1:13013", "user": "panel", "password": "x"},
        "webhook": {"url": "https://sms.example.org/send", "secret": "whsec_" + "QUFB" * 12},
        "twilio": {
            "account_sid": "AC" + "0" * 32,
            "auth_token": "x",
            "from_number": "+12025550199",
        },
    }
    with open_test_product(folder, policy__recovery_wait_hours=72, **providers) as product:
        product.house.env = env = replace(
            product.env, callbacks=build_callbacks(product.env.settings)
        )
        product.app = app = build_app(env)
        port = free_port()
        target = Target(product, port)
        with closing(target):
            _people(target)
            served = server.side_server(app, port)
            product.run(_enter(served))
            target.keep()
            yield target
            product.run(_leave(served))


async def _enter(served: AbstractAsyncContextManager[None]) -> None:
    await served.__aenter__()


async def _leave(served: AbstractAsyncContextManager[None]) -> None:
    await served.__aexit__(None, None, None)


def _people(target: Target) -> None:
    """Sessions of every kind, each with what its pages make at the first look already made."""
    product = target.product
    alice = product.add_account()
    product.add_account("admin", role=Role.OPERATOR)
    browser = product.browser()
    browser.sign_in()
    entry = browser.enroll_app()
    phone = browser.add_phone()
    codes = browser.make_codes()
    browser.post("/settings/emails", email="alice@second.example")
    stale = _signed_in(product, entry)
    _look(stale)
    product.clock.forward(700)
    full = _signed_in(product, entry)
    _look(full)
    _led_to_enrolment(target, product.add_account("carol"))
    plain, operator, half = product.browser(), product.browser(), product.browser()
    product.add_account("bob")
    plain.sign_in("bob")
    operator.sign_in("admin")
    _look(plain)
    _look(operator)
    half.sign_in()
    half.get("/sign-in/help")
    half.post("/sign-in/send", method=phone, channel="sms")
    full.get(f"{SECURITY}/codes")
    product.run(help_desk.give_temporary_code(product.house.by(SHELL), _act("alice")))
    product.browser().post("/forgot-password", username="alice")
    people = {"full": full, "stale": stale, "plain": plain, "operator": operator, "half": half}
    target.cookies |= {name: _cookie(browser) for name, browser in people.items()} | {"none": ""}
    for path in ("/settings/emails/confirm/{token}", "/reset-password/{token}", "/not-me/{token}"):
        target.parts[path] = [
            product.newest_link(path.partition("{")[0]).rpartition("/")[2],
            "done",
        ]
    page = full.get(SECURITY)
    methods = [phone, *method_ids(page, "app"), *method_ids(page, "codes")]
    for act in ("remove", "rename", "default"):
        target.parts[f"{SECURITY}/method/{{id}}/{act}"] = methods
    for path in ("/settings/sessions/{id}/end", "/settings/emails/{id}/remove"):
        pattern = path.replace("{id}", r"([\w-]+)")
        target.parts[path] = re.findall(pattern, full.get(path.partition("/{")[0]).text)
    target.ids += sorted({part for ids in target.parts.values() for part in ids})
    target.good += ["alice", "alice@example.com", PASSWORD, entry.code(steps=1), codes[3]]
    target.good += ["sms", "call", "US", "(202) 555-0142", "de", "Europe/Berlin", phone]
    assert alice.id


def _signed_in(product: TestProduct, entry: AppEntry) -> Browser:
    browser = product.browser()
    browser.sign_in()
    answer = browser.post("/sign-in/code", code=entry.next_code())
    assert answer.status_code == 303
    return browser


def _look(browser: Browser) -> None:
    for path in (ENROLMENT, "/", SECURITY):
        browser.get(path)


def _led_to_enrolment(target: Target, carol: Account) -> None:
    env = target.product.env
    target.product.run(env.store.run(change, accounts.save_must_enroll, carol.id, must=True))
    browser = target.product.browser()
    assert browser.sign_in("carol").headers["location"] == ENROLMENT
    _look(browser)
    target.cookies["enrol"] = _cookie(browser)


def _act(name: str) -> Act:
    return Act(name, "fuzz")


def _cookie(browser: Browser) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.jar.jar)


# ── what is sent ────────────────────────────────────────────────────────────────────────────────

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(NASTY),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def credentials(draw: st.DrawFn) -> str:
    """Something like what a browser says of a passkey, with parts that are not."""
    parts = {"id": "QUFBQQ", "rawId": "QUFBQQ", "type": "public-key", "response": {}}
    response = ("clientDataJSON", "authenticatorData", "signature", "attestationObject")
    said: dict[str, Any] = {name: draw(st.just(usual) | anything) for name, usual in parts.items()}
    if isinstance(said["response"], dict):
        said["response"] = {name: draw(st.just("e30") | anything) for name in response}
    return json.dumps(said)


@cache
def own_fields(page: Page) -> tuple[str, ...]:
    """The fields that the page's module asks for."""
    module = inspect.getmodule(page.post)
    assert module is not None
    return tuple(sorted(set(re.findall(r"""\.field\("(\w+)"\)""", inspect.getsource(module)))))


@st.composite
def forms(draw: st.DrawFn, page: Page, values: st.SearchStrategy[str]) -> bytes:
    """A form: most of the fields that the page knows, and some that it does not."""
    # Passkeys' answers only where one is read: drawing one takes longer than the request.
    pairs = [
        (name, draw(values | credentials() if name == "credential" else values))
        for name in own_fields(page)
        if draw(st.integers(0, 4))
    ]
    pairs += draw(st.lists(st.tuples(st.sampled_from(FIELDS), values), max_size=3))
    return "&".join(f"{quoted(name)}={quoted(text)}" for name, text in pairs).encode()


@st.composite
def bodies(draw: st.DrawFn, page: Page, values: st.SearchStrategy[str]) -> tuple[bytes, str]:
    """A body and its type: mostly forms, some JSON, some bytes."""
    kind = draw(st.sampled_from((*["form"] * 8, "json", "bytes")))
    if kind == "bytes":
        return draw(st.binary(max_size=200)), draw(st.sampled_from((FORM, "text/plain", "")))
    if kind == "json":
        said = draw(anything)
        return json.dumps(said).encode(), draw(st.sampled_from(("application/json", FORM)))
    return draw(forms(page, values)), FORM


def texts(target: Target) -> st.SearchStrategy[str]:
    """Values of fields: any text, nasty ones, very long ones, and some that are right."""
    return st.one_of(
        st.text(st.characters(), max_size=40),
        st.sampled_from(NASTY),
        st.sampled_from(target.good + target.ids),
        st.sampled_from(("x", "9", "<", "é")).map(lambda letter: letter * LONG),
        st.integers().map(str),
    )


def odd_lines() -> st.SearchStrategy[bytes]:
    """Up to four header lines: names that repeat a usual one, wishes for other protocols, values in
    every encoding. No length or blank line that would announce more than is sent."""
    value = (
        st.binary(max_size=20)
        | st.sampled_from(NASTY).map(lambda text: text.encode("utf-8", "surrogatepass"))
        | st.sampled_from(ODD_VALUES)
    )
    free = st.tuples(st.sampled_from(ODD_NAMES), value)
    line = (free | st.sampled_from(WISHES)).map(lambda pair: b"%s: %s\r\n" % pair)
    return st.lists(line, max_size=4).map(
        lambda lines: b"".join(lines).replace(b"\r\n\r\n", b"\r\n")
    )


def targets(path: str, query: bytes, url: str) -> st.SearchStrategy[bytes]:
    """The address in the request line: mostly as browsers send it, some with a tail or a host."""
    usual = (path.encode() + (b"?" + query if query else b""))[:LONGEST_TARGET]
    host = url.partition("//")[2].encode()
    tails = (
        b"/",
        b"//",
        b"%00",
        b"%2f",
        b"%2e%2e",
        b"%",
        b"%zz",
        b"%c0%af",
        b"\xe4",
        b"#x",
        b";a=b",
    )
    hosts = (
        b"https://" + host,
        b"http://" + host,
        b"HTTPS://" + host + b":443",
        b"http://x@" + host,
    )
    places = (
        *hosts,
        b"https://evil.example",
        b"http://[::1]:80",
        b"//evil.example",
        b"x:",
        b"https:",
    )
    return st.one_of(
        *[st.just(usual)] * 6,
        st.sampled_from(tails).map(lambda tail: path.encode() + tail),
        st.sampled_from(places).map(lambda place: place + usual),
        st.sampled_from((b"*", b"/", b"https://" + host)),
    )


@st.composite
def requests(draw: st.DrawFn, target: Target) -> Request:
    """One request to one route."""
    values = texts(target)
    page = draw(st.sampled_from(ACTING) | st.sampled_from(ACTING) | st.sampled_from(PAGES))
    methods = [
        name for name, does in (("GET", page.get), ("POST", page.post), ("POST", page.post)) if does
    ]
    method = draw(st.sampled_from(methods))
    ours = st.sampled_from(target.parts.get(page.path, target.ids))
    part = ours | ours | st.sampled_from(target.ids + list(NASTY)) | st.text(st.characters())
    providers = st.sampled_from(("twilio", "vonage", "kannel", "webhook", "x"))
    path = re.sub(
        r"\{(\w+)\}",
        lambda match: quoted(draw(providers if match[1] == "provider" else part)) or "x",
        page.path,
    )
    opened_by = sorted(OPENED_BY[page.access])
    query = draw(st.lists(st.tuples(st.sampled_from(FIELDS), values), max_size=2))
    body, content_type = draw(bodies(page, values)) if method == "POST" else (b"", "")
    encoded = "&".join(f"{quoted(name)}={quoted(text)}" for name, text in query).encode()
    is_odd = draw(st.booleans())
    return Request(
        page=page,
        method=method,
        session=draw(st.sampled_from(opened_by) | st.sampled_from(sorted(target.cookies))),
        target=draw(targets(path, encoded, target.product.url)),
        body=body,
        content_type=content_type,
        odd=draw(odd_lines()) if is_odd else b"",
        odd_first=is_odd and draw(st.booleans()),
    )


def quoted(text: str) -> str:
    """Percent-encoded; lone surrogates become the bytes that no UTF-8 has."""
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="")
