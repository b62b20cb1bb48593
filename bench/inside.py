"""An installation opened in this process: for rows that no verb makes, and for work without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from bench import seeding
from bench.serving import Seeded
from twostep import main
from twostep.config import load
from twostep.core import sealing, token
from twostep.core.account import Account
from twostep.core.messages.channel import Channel
from twostep.core.methods.authenticator import Phone
from twostep.core.methods.out_of_band import Purpose
from twostep.core.sign_in.session import Level
from twostep.flows.env import NOBODY, Env, Visitor
from twostep.flows.messages import numbers as number_digest
from twostep.flows.messages.numbers import NUMBER
from twostep.flows.messages.queue_message import challenge_for, queue_message
from twostep.flows.sign_in.complete import SignedIn, open_session
from twostep.flows.turn import Turn
from twostep.store.account import accounts
from twostep.store.methods import phones
from twostep.store.sign_in import known_browsers
from twostep.store.tx import Tx


T = TypeVar("T")
ROWS_AT_ONCE = 500


@asynccontextmanager
async def opened(config: Path) -> AsyncIterator[Env]:
    """The product's parts, with nothing running beside."""
    async with main.open_product(load(config), {}) as product:
        yield product.env


def for_each(
    config: Path, seeded: Sequence[Seeded], act: Callable[[Tx, Env, Account, Seeded], T]
) -> list[T]:
    """Do something to every account, some hundred in a transaction."""

    def some(tx: Tx, env: Env, part: Sequence[Seeded]) -> list[T]:
        return [act(tx, env, _locked(tx, seeded.name), seeded) for seeded in part]

    async def story() -> list[T]:
        async with opened(config) as env:
            return [
                answer
                for first in range(0, len(seeded), ROWS_AT_ONCE)
                for answer in await env.store.run(some, env, seeded[first : first + ROWS_AT_ONCE])
            ]

    return asyncio.run(story())


def _locked(tx: Tx, name: str) -> Account:
    account = accounts.load_by_name(tx, name)
    locked = accounts.lock(tx, account.id) if account else None
    assert locked is not None, name
    return locked


def open_half(tx: Tx, env: Env, account: Account, seeded: Seeded) -> SignedIn:
    """A half session of an account's known browser, as the first step leaves it."""
    visitor = Visitor(seeding.NETWORK, seeding.BROWSER, browser_token=seeded.browser)
    known = known_browsers.load_known_browser(tx, account.id, token.digest(seeded.browser))
    return open_session(
        Turn(tx, env, visitor, env.clock()),
        account,
        level=Level.HALF,
        browser_id=known,
        next_path="/",
    )


def add_apps(tx: Tx, env: Env, account: Account, _one: Seeded) -> None:
    """Four apps more, so that there are five ways to sign in."""
    for _ in range(4):
        seeding.insert_app(tx, env, account, now=env.clock())


def queue_text(tx: Tx, env: Env, account: Account, seeded: Seeded) -> None:
    """A phone, and a text with a code that waits to be sent to it."""
    now, phone_id = env.clock(), token.new_id()
    e164 = "+12025550123"
    number = sealing.seal(
        env.keyring, e164.encode(), purpose=NUMBER, row_id=phone_id, account_id=account.id
    )
    phone = Phone(
        phone_id, account.id, None, number, "US", "mobile", "23", Channel.SMS, now, now, None
    )
    phones.insert(tx, phone, fingerprint=number_digest.fingerprint(env, e164))
    half = open_half(tx, env, account, seeded).session
    challenge = challenge_for(
        Turn(tx, env, NOBODY, now),
        half,
        phone=phone,
        channel=Channel.SMS,
        purpose=Purpose.SIGN_IN,
        ends_at=half.expires_at,
    )
    queue_message(Turn(tx, env, NOBODY, now), challenge, phone=phone, e164=e164)
