"""Many people at once, who remember every answer they got, and look afterwards whether it held.

Each takes one fresh account after the other: signs in with its app, adds a second app, makes backup
codes, signs in with the new app, and spends codes, each posted in two browsers at the same moment.
Whatever was answered with success must hold afterwards; what was answered with 503 may hold or not.
"""

from __future__ import annotations

import asyncio
import base64
import html
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx

from tests.support.nodes import HOST, marks
from twostep.core.methods import totp


CODES_TO_SPEND = 3
LONGEST_ANSWER_SECONDS = 30.0
AGAIN_SECONDS = 0.2
WIZARD = "/settings/security/app/new"
CODES = "/settings/security/codes"
# Codes of the app's last, this and next 30 seconds are taken.
STEP_SECONDS = 30


@dataclass
class Tally:
    """What everybody saw. `successes`: when and where a change was acknowledged."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    successes: list[tuple[float, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    longest_seconds: float = 0.0

    def note(self, url: str, path: str, answer: httpx.Response, *, seconds: float) -> None:
        """Look at one answer: success, a refusal, or an outage that is said kindly."""
        status = answer.status_code
        self.answers[path, status] += 1
        self.longest_seconds = max(self.longest_seconds, seconds)
        if status == 503:
            waits = int(answer.headers.get("retry-after", "0")) > 0
            kind = waits and "We can't do this right now" in answer.text
            if not kind:
                self.problems.append(f"503 of {path}: {answer.headers} {answer.text[:300]}")
        elif status not in {200, 303, 422}:
            self.problems.append(f"{status} of {path} at {url}: {answer.text[:300]}")

    def figures(self) -> str:
        """Answers by status, acknowledged changes, and the longest anybody waited."""
        by_status = Counter[int]()
        for (_, status), times in self.answers.items():
            by_status[status] += times
        changes = len(self.successes)
        return f"{dict(by_status)}, {changes} changes, longest {self.longest_seconds:.1f} s"

    def recovered(self, url: str, *, since: float) -> float | None:
        """Seconds from `since` to the first change acknowledged at a door; None: there was none."""
        times = [at - since for at, door in self.successes if door == url and at > since]
        return min(times, default=None)


@dataclass
class Ledger:
    """What one account was answered. `sent`: codes whose posting had no answer but 503 so far."""

    name: str
    password: str
    address: str
    secret: bytes
    browser: str
    sessions: list[str] = field(default_factory=list)
    apps: int = 1
    apps_unknown: int = 0
    codes: list[str] = field(default_factory=list)
    spent: Counter[str] = field(default_factory=Counter)
    sent: set[str] = field(default_factory=set)


def new_ledgers(seeded: Sequence[dict[str, Any]]) -> Iterator[Ledger]:
    """An account each, in a network of its own."""
    for number, account in enumerate(seeded):
        address = f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"
        secret = base64.b32decode(account["secret"])
        yield Ledger(account["name"], account["password"], address, secret, account["browser"])


class Window:
    """A browser at one node: cookies of its own, Origin with every form, no redirects."""

    def __init__(
        self, client: httpx.AsyncClient, url: str, tally: Tally, *, browser: str = ""
    ) -> None:
        self.url = url
        self._client = client
        self._tally = tally
        self.cookies = {"__Host-twostep-browser": browser} if browser else {}

    @property
    def session(self) -> str:
        return self.cookies.get("__Host-twostep", "")

    async def get(self, path: str) -> httpx.Response:
        return await self._send("GET", path, None)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        return await self._send("POST", path, fields)

    async def _send(self, method: str, path: str, fields: dict[str, str] | None) -> httpx.Response:
        jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Host": HOST, "Origin": f"https://{HOST}", "Cookie": jar}
        start = time.monotonic()
        answer = await self._client.request(method, self.url + path, data=fields, headers=headers)
        self._tally.note(self.url, path, answer, seconds=time.monotonic() - start)
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        if method == "POST" and answer.status_code == 303:
            self._tally.successes.append((time.monotonic(), self.url))
        return answer


class Outage(Exception):
    """Answered with 503: this person gives up for now and comes back."""


@dataclass
class Person:
    """Somebody with one account, whose requests go to one node after the other."""

    ledger: Ledger
    urls: Sequence[str]
    client: httpx.AsyncClient
    tally: Tally
    turn: int = 0

    def window(self) -> Window:
        """Another browser window, at the next node."""
        self.turn += 1
        url = self.urls[self.turn % len(self.urls)]
        return Window(self.client, url, self.tally, browser=self.ledger.browser)

    async def live(self) -> None:
        """All of it; an outage ends it."""
        window = await self.half()
        step = int(time.time()) // STEP_SECONDS  # noqa: TID251  the servers run on real time
        # The account's last code may have been burnt by an attempt that was answered with 503.
        if not await self.enter(window, totp.at(self.ledger.secret, step)):
            return
        secret = await self.add_app(window)
        await self.make_codes(window)
        step = int(time.time()) // STEP_SECONDS  # noqa: TID251
        await self.enter(await self.half(), totp.at(secret, step + 1))
        for code in self.ledger.codes[:CODES_TO_SPEND]:
            await self.spend(code)

    async def half(self) -> Window:
        """The first step; a window before the second."""
        window = self.window()
        form = {"username": self.ledger.name, "password": self.ledger.password}
        answer = expect(await window.post("/sign-in", **form))
        assert answer.headers["location"] == "/sign-in/code", answer.headers
        return window

    async def enter(self, window: Window, code: str) -> bool:
        """The second step; whether the code was taken."""
        answer = await window.post("/sign-in/code", code=code)
        if answer.status_code == 303:
            self.ledger.sessions.append(window.session)
            self.ledger.spent[code] += 1
            return True
        if answer.status_code == 503:
            self.ledger.sent.add(code)
            raise Outage
        return False

    async def add_app(self, window: Window) -> bytes:
        """The wizard: scan, type the code; the new app's secret."""
        page = expect(await window.get(WIZARD), 200).text
        (uri,) = {
            html.unescape(link) for link in marks(page, "href") if link.startswith("otpauth:")
        }
        key = parse_qs(urlsplit(uri).query)["secret"][0]
        secret = base64.b32decode(key + "=" * (-len(key) % 8))
        step = int(time.time()) // STEP_SECONDS  # noqa: TID251
        self.ledger.apps_unknown += 1
        # A proof changes the cookie: until it is answered nobody knows which one holds.
        self.ledger.sessions.remove(window.session)
        expect(await window.post(WIZARD, code=totp.at(secret, step), name="Second"))
        self.ledger.apps_unknown -= 1
        self.ledger.apps += 1
        self.ledger.sessions.append(window.session)
        return secret

    async def make_codes(self, window: Window) -> None:
        """A set of backup codes."""
        expect(await window.post(CODES))
        page = expect(await window.get(CODES), 200).text
        self.ledger.codes = marks(page, "data-backup-code")
        assert len(self.ledger.codes) == 10

    async def spend(self, code: str) -> None:
        """Post one code in two windows at once: at most one of them may get in."""
        windows = [await self.half(), await self.half()]
        tries = [self.enter(window, code) for window in windows]
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, Outage):
                raise outcome
        if any(isinstance(outcome, Outage) for outcome in outcomes):
            raise Outage
        assert True in outcomes, "nobody got in with a fresh code"


def expect(answer: httpx.Response, status: int = 303) -> httpx.Response:
    """An answer that must have this status, but for an outage."""
    if answer.status_code == 503:
        raise Outage
    assert answer.status_code == status, f"{answer.status_code} {answer.url}\n{answer.text[:500]}"
    return answer


@dataclass
class Crowd:
    """People at these nodes. `ledgers`: accounts nobody has taken yet; `known`: those taken.
    `life`: what each does with an account."""

    urls: Sequence[str]
    ledgers: Iterator[Ledger]
    life: Callable[[Person], Awaitable[None]] = Person.live
    tally: Tally = field(default_factory=Tally)
    known: list[Ledger] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, count: int) -> None:
        """So many people, one account after the other, until `stop` is set."""
        async with asyncio.TaskGroup() as people:
            for _ in range(count):
                people.create_task(self._live())

    async def _live(self) -> None:
        while not self.stop.is_set():
            ledger = next(self.ledgers, None)
            assert ledger is not None, "more accounts should have been seeded"
            self.known.append(ledger)
            async with new_client(ledger) as client:
                try:
                    await self.life(Person(ledger, self.urls, client, self.tally))
                except Outage:
                    await asyncio.sleep(AGAIN_SECONDS)  # as nobody waits as long as they are told

    def acknowledged(self) -> int:
        """How many changes were acknowledged so far."""
        return len(self.tally.successes)

    async def review(self, *, most: int | None = None) -> dict[str, int]:
        """Look whether everything that was acknowledged holds; what was looked at. `most`: so many
        accounts, evenly spread, are enough."""
        seen: Counter[str] = Counter()
        for ledger in self.known[:: max(1, len(self.known) // most) if most else 1]:
            async with new_client(ledger) as client:
                await _review(Person(ledger, self.urls, client, self.tally), seen)
        assert not self.tally.problems, self.tally.problems[:5]
        return dict(seen)


def new_client(ledger: Ledger) -> httpx.AsyncClient:
    """A client whose requests come from the account's own network."""
    transport = httpx.AsyncHTTPTransport(local_address=ledger.address, verify=False)
    return httpx.AsyncClient(transport=transport, timeout=LONGEST_ANSWER_SECONDS)


async def _review(person: Person, seen: Counter[str]) -> None:
    ledger = person.ledger
    twice = [code for code, times in ledger.spent.items() if times > 1]
    assert not twice, f"{ledger.name}: accepted twice"
    for session in ledger.sessions:
        window = person.window()
        window.cookies["__Host-twostep"] = session
        answer = expect(await window.get("/api/session"), 200)
        assert answer.json()["aal"] == "aal2", ledger
        seen["sessions"] += 1
    if ledger.sessions:
        page = expect(await window.get("/settings/security"), 200).text
        apps = page.count('data-method-kind="app"')
        assert ledger.apps <= apps <= ledger.apps + ledger.apps_unknown, ledger.name
        seen["apps"] += ledger.apps
    await _review_codes(person, seen)


async def _review_codes(person: Person, seen: Counter[str]) -> None:
    ledger = person.ledger
    for code in ledger.codes[:CODES_TO_SPEND]:
        if ledger.spent[code]:
            assert not await person.enter(await person.half(), code), f"{ledger.name}: lost a use"
            seen["codes used"] += 1
        elif code in ledger.sent:
            # Nobody knows whether it was taken; it is now, and once at the most.
            took = [await person.enter(await person.half(), code) for _ in range(2)]
            assert took in ([True, False], [False, False]), f"{ledger.name}: accepted twice"
            seen["codes unknown"] += 1
            seen["codes unknown, kept"] += took == [False, False]
    if ledger.codes:
        assert await person.enter(await person.half(), ledger.codes[-1]), f"{ledger.name}: no set"
        seen["code sets"] += 1
