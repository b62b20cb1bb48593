"""Every limit on what may leave, asked for by many at the same moment: it stops at its number exactly."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.house import House, open_house
from twostep.core.account import Account
from twostep.core.messages.channel import Channel
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.delivery.mail.notice import NoticeKind
from twostep.flows.account import password, profile
from twostep.flows.env import Visitor
from twostep.flows.messages.send_limits import Wanted, count_new_number, count_send
from twostep.store.messages import outbox
from twostep.store.sign_in import throttles


TOGETHER = 40
CONFIRMED = Wanted("+12025550100", "US", Channel.SMS, confirmed=True, known_browser=True)


async def gather(house: House, count: Callable[[int], Awaitable[Any]]) -> Counter[str]:
    """What forty of them were told."""
    answers = await asyncio.gather(*(count(n) for n in range(TOGETHER)))
    return Counter(
        str(answer.reason) if isinstance(answer, Refused) else "ok" for answer in answers
    )


def sends(
    house: House,
    accounts: list[Account],
    wanted: Callable[[int], Wanted],
    network: Callable[[int], str],
) -> Callable[[int], Awaitable[Any]]:
    async def send(n: int) -> Any:
        visitor: Visitor = replace(house.visitor, network=network(n))
        return await house.by(visitor).do(count_send, accounts[n % len(accounts)], wanted(n))

    return send


def each_its_own(n: int) -> str:
    return f"192.0.2.{n}"


def each_own_number(n: int) -> str:
    """Numbers whose prefixes differ too."""
    return f"+1202{500 + n}0100"


@pytest.mark.parametrize(
    ("wanted", "network", "limit"),
    [
        pytest.param(
            lambda _: CONFIRMED, each_its_own, throttle.SEND_NUMBER_HOUR.limit, id="number-hour"
        ),
        pytest.param(
            lambda _: replace(CONFIRMED, known_browser=False),
            each_its_own,
            throttle.SEND_NUMBER_HOUR_STRANGERS.limit,
            id="number-hour-strangers",
        ),
        pytest.param(
            lambda _: replace(CONFIRMED, channel=Channel.CALL),
            each_its_own,
            throttle.CALL_NUMBER_DAY.limit,
            id="calls-day",
        ),
        pytest.param(
            lambda n: replace(CONFIRMED, e164=each_own_number(n), known_browser=False),
            lambda _: "192.0.2.1",
            throttle.SEND_NETWORK.limit,
            id="network",
        ),
        pytest.param(
            lambda n: replace(CONFIRMED, e164=each_own_number(n), confirmed=False),
            each_its_own,
            throttle.SEND_ACCOUNT_NEW.limit,
            id="account-new-numbers",
        ),
    ],
)
def test_sends_stop_exactly(
    tmp_path: Path,
    wanted: Callable[[int], Wanted],
    network: Callable[[int], str],
    limit: int,
) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            account = await house.add()
            answers = await gather(house, sends(house, [account], wanted, network))
            assert answers == {"ok": limit, str(Reason.SEND_LIMIT): TOGETHER - limit}

    asyncio.run(story())


def test_a_numbers_day_stops_exactly_over_its_hours(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            account = await house.add()
            house.clock.now = house.now // 86_400 * 86_400
            went = 0
            for _ in range(4):
                send = sends(house, [account], lambda _: CONFIRMED, each_its_own)
                went += (await gather(house, send))["ok"]
                house.clock.forward(throttle.SEND_NUMBER_HOUR.window_seconds or 0)
            assert went == throttle.SEND_NUMBER_DAY.limit

    asyncio.run(story())


@pytest.mark.parametrize("span", ["daily_budget", "hourly_budget"])
@pytest.mark.parametrize(("confirmed", "limit"), [(True, 10), (False, 8)])
def test_a_budget_stops_exactly(tmp_path: Path, span: str, limit: int, *, confirmed: bool) -> None:
    async def story() -> None:
        async with open_house(tmp_path, **{f"delivery__{span}": 10}) as house:
            people = [await house.add(f"person{n}") for n in range(TOGETHER)]
            send = sends(
                house,
                people,
                lambda n: replace(CONFIRMED, e164=each_own_number(n), confirmed=confirmed),
                each_its_own,
            )
            answers = await gather(house, send)
            assert answers == {"ok": limit, str(Reason.SEND_LIMIT): TOGETHER - limit}

    asyncio.run(story())


def test_refused_sends_use_nothing_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path, delivery__daily_budget=0) as house:
            account = await house.add()
            send = sends(house, [account], lambda _: CONFIRMED, each_its_own)
            assert await gather(house, send) == {str(Reason.SEND_LIMIT): TOGETHER}
            rule = throttle.SEND_NETWORK
            state = house.env.store.read_now(throttles.load, f"{rule.name}:{each_its_own(0)}")
            assert state.count == 0

    asyncio.run(story())


def test_new_numbers_stop_exactly(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            account = await house.add()

            async def count(_: int) -> Any:
                return await house.by().do(count_new_number, account)

            limit = throttle.NEW_NUMBERS.limit
            answers = await gather(house, count)
            assert answers == {"ok": limit, str(Reason.SEND_LIMIT): TOGETHER - limit}

    asyncio.run(story())


@pytest.mark.parametrize(
    ("names", "limit"),
    [(("alice",), throttle.RESET_MAIL_ACCOUNT.limit), ((), throttle.RESET_MAIL_NETWORK.limit)],
    ids=["account", "network"],
)
def test_mails_for_a_new_password_stop_exactly(
    tmp_path: Path, names: tuple[str, ...], limit: int
) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            everybody = names or tuple(f"person{n}" for n in range(TOGETHER))
            people = [await house.add(name) for name in everybody]

            async def ask_for_link(n: int) -> Any:
                name = everybody[n % len(everybody)]
                network = house.visitor.network if not names else each_its_own(n)
                visitor = replace(house.visitor, network=network)
                return await password.forgot_password(house.by(visitor), identifier=name)

            assert await gather(house, ask_for_link) == {"ok": TOGETHER}
            mailed = sum(
                house.env.store.read_now(
                    outbox.count_notices,
                    account.id,
                    kind=NoticeKind.PASSWORD_RESET_LINK,
                    since=house.now - 1,
                    now=house.now,
                )
                for account in people
            )
            assert mailed == limit

    asyncio.run(story())


def test_links_for_new_addresses_stop_exactly(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            await house.add()
            alice = await house.sign_in()

            async def add_address(n: int) -> Any:
                return await house.by().do(
                    profile.add_address, alice.session, typed=f"alice{n}@second.example"
                )

            answers = await gather(house, add_address)
            assert answers["ok"] == profile.CONFIRM_MAILS_AN_HOUR

    asyncio.run(story())
