"""A sign-in in a browser that still has a session: the earlier one ends, under its own account's lock."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.house import PASSWORD, House, open_house
from twostep.flows.account.activity import list_activity
from twostep.flows.sign_in import first_step
from twostep.flows.sign_in.complete import SignedIn
from twostep.store.sign_in import sessions


PAIRS = 6


async def _again(house: House, name: str, earlier: SignedIn, typed: str = PASSWORD) -> object:
    return await first_step.sign_in(
        house.by(token=earlier.token), identifier=name, typed=typed, next_path="/"
    )


def _lives(house: House, signed_in: SignedIn) -> bool:
    return bool(house.env.store.read_now(sessions.exists, signed_in.session.id))


def _ended(house: House, account_id: str) -> list[dict[str, str | int]]:
    activity = house.see(list_activity, account_id, limit=100)
    return [row.data for row in activity if row.event == "session.ended"]


def test_the_earlier_session_ends_with_one_event_in_its_own_trail(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            alice, bob = await house.add("alice"), await house.add("bob")
            hers = await house.sign_in("alice")
            assert isinstance(await _again(house, "bob", hers), SignedIn)
            assert not _lives(house, hers)
            assert _ended(house, alice.id) == [{"by": "new_sign_in", "sessions": 1}]
            assert _ended(house, bob.id) == []

    asyncio.run(story())


def test_a_wrong_password_ends_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            alice = await house.add("alice")
            await house.add("bob")
            hers = await house.sign_in("alice")
            assert not isinstance(await _again(house, "bob", hers, typed="wrong"), SignedIn)
            assert _lives(house, hers)
            assert _ended(house, alice.id) == []

    asyncio.run(story())


def test_a_session_whose_time_was_over_leaves_no_event(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            alice = await house.add("alice")
            hers = await house.sign_in("alice")
            house.clock.forward(house.env.limits.idle_seconds)
            assert isinstance(await _again(house, "alice", hers), SignedIn)
            assert not _lives(house, hers)
            assert _ended(house, alice.id) == []

    asyncio.run(story())


def test_browsers_that_change_places_do_not_wait_for_each_other(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            alice, bob = await house.add("alice"), await house.add("bob")
            old = [(await house.sign_in("alice"), await house.sign_in("bob")) for _ in range(PAIRS)]
            answers = await asyncio.gather(
                *(_again(house, "bob", hers) for hers, _ in old),
                *(_again(house, "alice", his) for _, his in old),
            )
            assert all(isinstance(answer, SignedIn) for answer in answers)
            assert not any(_lives(house, signed_in) for pair in old for signed_in in pair)
            assert len(_ended(house, alice.id)) == len(_ended(house, bob.id)) == PAIRS

    asyncio.run(story())
