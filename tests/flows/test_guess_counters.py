"""Every limit on guesses, reached by many at the same moment, over names, networks and accounts: it
stops at its number exactly."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.house import House, open_house, other_browser
from twostep.core import sealing
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.throttle import Rule, State
from twostep.flows.sign_in import first_step, second_step
from twostep.flows.sign_in import passkey_step as use_passkey
from twostep.flows.sign_in.complete import SignedIn
from twostep.store.sign_in import throttles
from twostep.store.tx import Tx


TOGETHER = 20
LEFT = 5
HERE = "192.0.2.7"


async def nearly_used_up(house: House, rule: Rule, key: str) -> None:
    """As if so many had tried that five tries are left."""

    def save(tx: Tx) -> None:
        state = State(count=rule.limit - LEFT, since_at=house.now)
        throttles.save(tx, key, state, now=house.now)

    await house.env.store.run(save)


async def evaluated(tries: Sequence[Coroutine[Any, Any, Any]]) -> int:
    """How many of these wrong tries were looked at; the others were told to wait."""
    answers = await asyncio.gather(*tries)
    reasons = Counter(answer.reason for answer in answers if isinstance(answer, Refused))
    assert reasons.total() == len(answers)
    return len(answers) - reasons[Reason.THROTTLED] - reasons[Reason.BROWSER_UNPROVEN]


def password(house: House, name: str, network: str) -> Coroutine[Any, Any, Any]:
    return first_step.sign_in(
        house.by(other_browser(house, network=network)),
        identifier=name,
        typed="wrong",
        next_path="/",
    )


@pytest.mark.parametrize(
    ("rule", "names", "network"),
    [
        (throttle.PASSWORD_NETWORK, lambda n: f"nobody{n}", lambda _: HERE),
        (throttle.PASSWORD_STRANGERS, lambda _: "alice", lambda n: f"198.51.100.{n}"),
        (throttle.PASSWORD_IN_A_ROW, lambda _: "alice", lambda n: f"198.51.100.{n}"),
        (throttle.PASSWORD_ACCOUNT_NETWORK, lambda _: "alice", lambda _: HERE),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_wrong_passwords_stop_exactly(
    tmp_path: Path, rule: Rule, names: Callable[[int], str], network: Callable[[int], str]
) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            await house.add()
            subject = sealing.mac(house.env.keyring, b"alice", purpose="throttles.subject")
            name = subject.hex()[-40:]
            where = {
                throttle.PASSWORD_NETWORK: HERE,
                throttle.PASSWORD_STRANGERS: name,
                throttle.PASSWORD_IN_A_ROW: name,
                throttle.PASSWORD_ACCOUNT_NETWORK: f"{name}:{HERE}",
            }[rule]
            await nearly_used_up(house, rule, f"{rule.name}:{where}")
            tries = [password(house, names(n), network(n)) for n in range(TOGETHER)]
            # The last try in a row is answered like those that come too late.
            last = 1 if rule is throttle.PASSWORD_IN_A_ROW else 0
            assert await evaluated(tries) == LEFT - last

    asyncio.run(story())


def test_wrong_passwords_for_a_name_that_nobody_has_stop_exactly(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            tries = [password(house, "nobody", HERE) for _ in range(TOGETHER)]
            assert await evaluated(tries) == throttle.PASSWORD_ACCOUNT_NETWORK.limit

    asyncio.run(story())


def code(house: House, half: SignedIn, typed: str) -> Coroutine[Any, Any, Any]:
    return second_step.submit_code(
        house.by(replace(house.visitor, network=HERE), token=half.token), half.session, typed=typed
    )


async def halves(house: House, count: int) -> list[SignedIn]:
    """Half a session of each of so many accounts, whose passwords a thief has."""
    opened = []
    for n in range(count):
        name = f"person{n}"
        await house.add(name)
        await house.add_app(await house.sign_in(name))
        opened.append(await house.sign_in(name, visitor=other_browser(house)))
    house.clock.forward(60)
    return opened


@pytest.mark.row("THR-10")
def test_one_code_sprayed_over_many_accounts_stops_exactly(tmp_path: Path) -> None:
    """No account has a second wrong code: what trips is the network's count."""

    async def story() -> None:
        async with open_house(tmp_path) as house:
            opened = await halves(house, TOGETHER)
            rule = throttle.CODE_NETWORK
            await nearly_used_up(house, rule, f"{rule.name}:{HERE}")
            assert await evaluated([code(house, half, "000000") for half in opened]) == LEFT

    asyncio.run(story())


def test_wrong_backup_codes_stop_exactly(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            await house.add()
            _, full = await house.add_app(await house.sign_in())
            await house.make_codes(full)
            opened = [await house.sign_in() for _ in range(TOGETHER)]
            typed = "AAAAA-AAAAA-AAAAA"
            looked_at = await evaluated([code(house, half, typed) for half in opened])
            assert looked_at == throttle.RECOVERY_CODE.limit

    asyncio.run(story())


def test_made_up_passkeys_stop_exactly(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            rule = throttle.PASSKEY_NETWORK
            await nearly_used_up(house, rule, f"{rule.name}:{HERE}")
            visitor = replace(house.visitor, network=HERE)
            tries = [
                house.by(visitor).do(use_passkey.sign_in_alone, typed="{}", next_path="/")
                for _ in range(TOGETHER)
            ]
            assert await evaluated(tries) == LEFT

    asyncio.run(story())
