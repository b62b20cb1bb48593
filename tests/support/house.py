"""A whole product without its web: real database, real outbox, a clock that tests move.

Everything that flows need, opened in a folder of the test's own. The web's fixtures stand on it.
The database is a SQLite file in that folder, or, while `postgresql` is open, one on a server.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tests.support.postgres import PostgresServer, patient_pools
from tests.support.waiting import PATIENCE_SECONDS
from twostep.config import load
from twostep.core.account import Account, Role
from twostep.core.messages.channel import Channel
from twostep.core.methods import totp
from twostep.core.refusal import Refused
from twostep.core.sealing import Keyring, new_key
from twostep.core.sign_in.password import PROFILES
from twostep.delivery.console import Console, Inbox
from twostep.delivery.message import CallMessage, MailMessage, TextMessage
from twostep.delivery.port import Carrier
from twostep.flows.account import accounts
from twostep.flows.account.accounts import NewAccount
from twostep.flows.env import SHELL, Env, Visitor
from twostep.flows.hash_pool import HashPool
from twostep.flows.keys import Keys
from twostep.flows.messages.outbox import Outbox
from twostep.flows.methods import backup_codes as recovery_codes
from twostep.flows.methods import enroll_app, enroll_phone
from twostep.flows.sign_in import first_step
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.engine import open as engines
from twostep.store.engine import schema


T = TypeVar("T")

START = 1_764_000_000
PASSWORD = "a quiet evening by the lake"
PHONE = "(202) 555-0100"


@cache
def _template() -> Path:
    """An empty database with the current schema, made once a test process."""
    path = Path(tempfile.mkdtemp(prefix="twostep-schema-")) / "empty.sqlite3"
    schema.upgrade(f"sqlite:///{path}")
    return path


def new_database(folder: Path) -> Path:
    """A fresh database in `folder`."""
    path = folder / "twostep.sqlite3"
    shutil.copy(_template(), path)
    return path


@dataclass
class _Server:
    """The server that houses get their databases from. `made`: addresses by folder."""

    server: PostgresServer
    made: dict[Path, str] = field(default_factory=dict)


_servers: list[_Server] = []


@contextmanager
def postgresql(server: PostgresServer) -> Iterator[None]:
    """Every house that is opened meanwhile has its database on this server."""
    _servers.append(_Server(server))
    try:
        with patient_pools():
            yield
    finally:
        for url in _servers.pop().made.values():
            server.give_back(url)


def database_url(folder: Path, *, fresh: bool) -> str:
    """The address of the folder's database. `fresh`: a new one."""
    if _servers:
        here = _servers[-1]
        if fresh:
            here.made[folder] = here.server.lend_database()
        return here.made[folder]
    return f"sqlite:///{new_database(folder) if fresh else folder / 'twostep.sqlite3'}"


def give_back(folder: Path) -> None:
    """A folder goes before its test ends: its database may serve the next house."""
    if _servers and (url := _servers[-1].made.pop(folder, None)):
        _servers[-1].server.give_back(url)


def has_database(folder: Path) -> bool:
    """Whether a house was opened in this folder before."""
    return folder in _servers[-1].made if _servers else (folder / "twostep.sqlite3").exists()


@dataclass
class Clock:
    """Unix seconds that only the test moves."""

    now: int = START

    def __call__(self) -> int:
        return self.now

    def forward(self, seconds: int) -> None:
        self.now += seconds


@dataclass
class House:
    """The product's parts, and shortcuts through its flows."""

    env: Env
    outbox: Outbox
    inbox: Inbox
    clock: Clock
    visitor: Visitor = field(default_factory=lambda: Visitor("192.0.2.7", "Firefox on Linux"))

    @property
    def now(self) -> int:
        return self.clock.now

    def by(
        self, visitor: Visitor | None = None, *, now: int | None = None, token: str = ""
    ) -> TurnOpener:
        """What a door opens turns with. `token`: the session cookie's value."""
        visitor = visitor or self.visitor
        if token:
            visitor = replace(visitor, session_token=token)
        return TurnOpener(self.env, visitor, self.now if now is None else now)

    def see(self, view: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """What only reads, now."""
        return self.see_at(self.now, view, *arguments, **named)

    def see_at(self, now: int, view: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """What only reads, at another instant."""
        return self.env.store.read_now(
            lambda tx: view(Turn(tx, self.env, self.visitor, now), *arguments, **named)
        )

    async def add(self, name: str = "alice", *, role: Role = Role.USER) -> Account:
        new = NewAccount(name, f"{name}@example.com", role, PASSWORD, "en", "UTC")
        made = await accounts.add_account(self.by(SHELL), new)
        assert isinstance(made, Account), made
        return made

    async def sign_in(
        self, name: str = "alice", *, visitor: Visitor | None = None, typed: str = PASSWORD
    ) -> SignedIn:
        """The first step; must succeed."""
        answer = await first_step.sign_in(
            self.by(visitor or self.visitor), identifier=name, typed=typed, next_path="/"
        )
        assert isinstance(answer, SignedIn), answer
        return answer

    async def add_app(self, signed_in: SignedIn) -> tuple[bytes, SignedIn]:
        """Set up an app; its secret and the raised session."""
        pending = await self.by().do(enroll_app.begin_app, signed_in.session)
        assert not isinstance(pending, Refused), pending
        added = await self.by(token=signed_in.token).do(
            enroll_app.finish_app, signed_in.session, typed=self.code(pending.secret), name=""
        )
        assert isinstance(added, enroll_app.AppAdded), added
        return pending.secret, added.signed_in

    async def add_phone(self, signed_in: SignedIn, number: str = PHONE) -> str:
        """Add a backup phone; its id."""
        sent = await self.by().do(
            enroll_phone.begin_phone, signed_in.session, region="US", typed=number, channel="sms"
        )
        assert not isinstance(sent, Refused), sent
        added = await self.by().do(
            enroll_phone.confirm_phone, signed_in.session, typed=await self.newest_code()
        )
        assert isinstance(added, enroll_phone.PhoneAdded), added
        return added.phone.id

    async def make_codes(self, signed_in: SignedIn) -> tuple[str, ...]:
        """Create backup codes; the codes."""
        made = await recovery_codes.make_codes(self.by(), signed_in.session)
        assert isinstance(made, recovery_codes.CodesMade), made
        view = await self.by().read(recovery_codes.view_codes, signed_in.session)
        return view.shown

    def code(self, secret: bytes, *, steps: int = 0) -> str:
        """What an app shows now, or some steps from now."""
        return totp.at(secret, self.now // 30 + steps)

    async def settle(self) -> None:
        """Wait until everything that is due has been sent."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                await asyncio.sleep(0)
                await self.outbox.drain()
                if not await self.env.store.read(_due, self.now):
                    return
                self.outbox.wake()
                await asyncio.sleep(0.002)

    async def newest_code(self) -> str:
        """The code of the newest text or call."""
        await self.settle()
        message = next(
            received.message
            for received in self.inbox.received
            if received.channel is not Channel.EMAIL
        )
        assert isinstance(message, TextMessage | CallMessage)
        return message.code

    async def subjects(self) -> list[str]:
        """Subjects of every mail so far, oldest first."""
        await self.settle()
        mails = [
            received.message
            for received in self.inbox.received
            if isinstance(received.message, MailMessage)
        ]
        return [mail.subject for mail in sorted(mails, key=lambda mail: mail.id)]


def _due(tx: object, now: int) -> bool:
    row = tx.first(  # type: ignore[attr-defined]
        "SELECT 1 FROM outbox WHERE state = 'queued' AND next_at <= :now LIMIT 1", now=now
    )
    return row is not None


@asynccontextmanager
async def open_house(
    folder: Path,
    *,
    fresh: bool = True,
    keyring: Keyring | None = None,
    channels: Mapping[Channel, Sequence[Carrier]] | None = None,
    url: str = "",
    root_path: str = "",
    **settings: object,
) -> AsyncIterator[House]:
    """Open a product in `folder`. `settings`: dotted names with two underscores for the dot.

    `channels`: instead of the console for everything. `url`: a database that is not the folder's.
    """
    overrides = {
        "public_url": "https://panel.example.com",
        "panel_name": "Example Panel",
        "data_dir": str(folder),
        "delivery.countries": "all",
        "delivery.sms": ["console"],
        "delivery.call": ["console"],
        "delivery.email": ["console"],
        "password.profile": "test",
        **{name.replace("__", "."): value for name, value in settings.items()},
    }
    clock, inbox = Clock(), Inbox()
    console = Console(inbox)
    outbox = Outbox(channels or {kind: [console] for kind in Channel})
    env = Env(
        settings=load(None, environ={}, overrides=overrides),
        keys=Keys(keyring or Keyring((new_key(),))),
        store=engines.open_engine(url or database_url(folder, fresh=fresh)),
        hashes=HashPool(),
        profile=PROFILES["test"],
        clock=clock,
        wake_outbox=outbox.wake,
        root_path=root_path,
    )
    worker = asyncio.create_task(outbox.run(env))
    try:
        yield House(env, outbox, inbox, clock)
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker
        await outbox.drain()
        env.hashes.close()
        await env.store.close()


def other_browser(house: House, *, network: str = "198.51.100.9") -> Visitor:
    """A browser that is not known, elsewhere."""
    return replace(house.visitor, network=network, browser="Chrome on Android", browser_token="")
