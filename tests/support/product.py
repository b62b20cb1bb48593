"""The whole product behind its web door: real database, real outbox, browsers with cookie jars.

Tests stay plain functions: the product has an event loop of its own, and `run` waits for anything on
it. Nothing is sent before `deliver` is called, so a test sees every state in between.

    with open_test_product(tmp_path) as product:
        product.add_account()
        alice = product.browser()
        alice.sign_in()
        assert alice.get("/settings").status_code == 200
"""

from __future__ import annotations

import asyncio
import base64
import html
import re
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx2

from tests.support.house import PASSWORD, Clock, House, database_url, open_house
from twostep.core.account import Account, Role
from twostep.core.methods import totp
from twostep.core.methods.code_input import read_six_digits
from twostep.delivery.message import MailMessage
from twostep.flows.account.accounts import NewAccount, add_account
from twostep.flows.account.activity import Activity, list_activity
from twostep.flows.env import SHELL, Env
from twostep.main import build_app
from twostep.web.door.app import WebApp


T = TypeVar("T")

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NETWORK = "198.51.100.7"
ENROLMENT = "/settings/security/app/new"


@dataclass
class AppEntry:
    """An entry in somebody's authenticator app."""

    secret: bytes
    clock: Clock

    def code(self, *, steps: int = 0) -> str:
        """What it shows now, or some steps of 30 seconds from now."""
        return totp.at(self.secret, self.clock.now // 30 + steps)

    def next_code(self) -> str:
        """Wait for the next code, as people do."""
        self.clock.forward(30)
        return self.code()


@dataclass
class Browser:
    """A browser: it keeps cookies, sends Origin with every POST, and does not follow redirects."""

    product: TestProduct
    network: str
    user_agent: str
    jar: httpx2.Cookies = field(default_factory=httpx2.Cookies)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """GET a page."""
        return self.product.run(self.send("GET", path, headers=headers))

    def post(self, path: str, /, **fields: str) -> httpx2.Response:
        """Send a form from one of our own pages."""
        return self.product.run(self.send("POST", path, fields=fields))

    async def send(
        self,
        method: str,
        path: str,
        *,
        fields: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        """One request, for tests that run several together."""
        product = self.product
        defaults = {"user-agent": self.user_agent}
        if method == "POST":
            defaults["origin"] = product.url
        sent = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        transport = httpx2.ASGITransport(product.app, client=(self.network, 40_000))
        async with httpx2.AsyncClient(
            transport=transport, base_url=product.url, cookies=self.jar
        ) as client:
            response = await client.request(method, path, data=fields, headers=defaults | sent)
            self.jar = client.cookies
        return response

    def sign_in(self, name: str = "alice", password: str = PASSWORD) -> httpx2.Response:
        """The first step."""
        return self.post("/sign-in", username=name, password=password)

    def enroll_app(self, **fields: str) -> AppEntry:
        """Set an authenticator app up; must succeed."""
        entry = self.product.scan(self.get(ENROLMENT))
        answer = self.post(ENROLMENT, code=entry.code(), **fields)
        assert answer.status_code == 303, words(answer)
        return entry

    def add_phone(self, number: str = "(202) 555-0100", channel: str = "sms") -> str:
        """Add a backup phone; its id. Must succeed."""
        form = {"country": "US", "number": number, "channel": channel}
        answer = self.post("/settings/security/phone/new", **form)
        assert answer.status_code == 303, words(answer)
        code = self.product.newest_code()
        answer = self.post("/settings/security/phone/confirm", code=code)
        assert answer.status_code == 303, words(answer)
        return method_ids(self.get("/settings/security"), "phone")[-1]

    def make_codes(self) -> list[str]:
        """Create backup codes and check that they are saved; the codes. Must succeed."""
        answer = self.post("/settings/security/codes")
        assert answer.status_code == 303, words(answer)
        codes = backup_codes(self.get("/settings/security/codes"))
        answer = self.post("/settings/security/codes", proof=codes[0])
        assert answer.status_code == 303, words(answer)
        return codes


@dataclass
class TestProduct:
    """The product's parts, and what a test wants to know of them."""

    __test__ = False  # not a class of tests, whatever pytest reads from its name

    house: House
    app: WebApp
    runner: asyncio.Runner

    @property
    def env(self) -> Env:
        return self.house.env

    @property
    def clock(self) -> Clock:
        return self.house.clock

    @property
    def url(self) -> str:
        """The public origin."""
        return self.env.settings.public_url

    @property
    def database_url(self) -> str:
        """Where the database is, for who looks or meddles past the product."""
        return database_url(self.env.settings.data_dir, fresh=False)

    def run(self, waiting: Coroutine[Any, Any, T]) -> T:
        """Wait for something on the product's own loop."""
        return self.runner.run(waiting)

    def together(self, *waiting: Coroutine[Any, Any, T]) -> list[T]:
        """Wait for several things that begin at once."""

        async def gather() -> list[T]:
            return list(await asyncio.gather(*waiting))

        return self.run(gather())

    def browser(self, *, network: str = NETWORK, user_agent: str = FIREFOX) -> Browser:
        """Another browser, with an empty cookie jar."""
        return Browser(self, network, user_agent)

    def add_account(
        self, name: str = "alice", *, role: Role = Role.USER, language: str = "en"
    ) -> Account:
        """An account with one confirmed address and the password `PASSWORD`."""
        address = f"{name if name.isascii() else name.encode().hex()}@example.com"
        new = NewAccount(name, address, role, PASSWORD, language, "UTC")
        made = self.run(add_account(self.house.by(SHELL), new))
        assert isinstance(made, Account), made
        return made

    def scan(self, page: httpx2.Response) -> AppEntry:
        """Take the address on the wizard's page into an app."""
        return AppEntry(decode_secret(setup_uri(page)), self.clock)

    def deliver(self) -> None:
        """Send everything that is due."""
        self.run(self.house.settle())

    def newest_code(self) -> str:
        """The code of the newest text or call."""
        code = self.run(self.house.newest_code())
        assert not hasattr(read_six_digits(code), "reason")
        return code

    def mails(self) -> list[MailMessage]:
        """Every mail so far, oldest first."""
        self.deliver()
        messages = [received.message for received in self.house.inbox.received]
        mails = [message for message in messages if isinstance(message, MailMessage)]
        return sorted(mails, key=lambda mail: mail.id)  # several are sent at once

    def newest_link(self, prefix: str) -> str:
        """Path of the newest mailed link that begins with `prefix`, as in `/not-me/`."""
        for mail in reversed(self.mails()):
            if match := re.search(re.escape(self.url + prefix) + r"[\w-]+", mail.text):
                return match[0].removeprefix(self.url)
        raise LookupError(f"no mail has a link to {prefix}")

    def events(self, account: Account) -> list[Activity]:
        """The account's events as its owner sees them, newest first."""
        return self.house.see(list_activity, account.id, limit=1000)


@contextmanager
def open_test_product(folder: Path, **settings: Any) -> Iterator[TestProduct]:
    """Open a product in `folder`. `settings`: as for `open_house`, `policy__phones=False`."""
    with asyncio.Runner() as runner:
        opened = open_house(folder, **settings)
        house = runner.run(_enter(opened))
        try:
            yield TestProduct(house, build_app(house.env), runner)
        finally:
            runner.run(_leave(opened))


async def _enter(opened: AbstractAsyncContextManager[House]) -> House:
    return await opened.__aenter__()


async def _leave(opened: AbstractAsyncContextManager[House]) -> None:
    await opened.__aexit__(None, None, None)


def words(page: httpx2.Response) -> str:
    """What a page says, without its tags."""
    body = re.sub(r"<(script|style|title)\b.*?</\1>", " ", page.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def problem(page: httpx2.Response) -> str:
    """What a refused form says, in the box on top or at its field; empty when it says nothing."""
    match = re.search(r'<div class="notice danger".*?</ul>', page.text, re.DOTALL)
    if match is not None:
        items = re.findall(r"<li>(.*?)</li>", match[0], re.DOTALL)
    else:
        items = re.findall(r'<p class="error"[^>]*><span.*?</span>(.*?)</p>', page.text, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", item)).strip() for item in items)


def method_ids(page: httpx2.Response, kind: str) -> list[str]:
    """Ids of the ways to sign in of that kind (`app`, `phone`, `codes`) on a page."""
    return re.findall(rf'data-method-id="([^"]+)" data-method-kind="{kind}"', page.text)


def backup_codes(page: httpx2.Response) -> list[str]:
    """The backup codes on a page."""
    return re.findall(r'data-backup-code="([^"]+)"', page.text)


def setup_uri(page: httpx2.Response) -> str:
    """The whole otpauth address of the wizard."""
    match = re.search(r'href="(otpauth://[^"]+)"', page.text)
    assert match is not None, words(page)
    return html.unescape(match[1])


def decode_secret(uri: str) -> bytes:
    """The secret of an otpauth address."""
    key = parse_qs(urlsplit(uri).query)["secret"][0]
    return base64.b32decode(key + "=" * (-len(key) % 8))
