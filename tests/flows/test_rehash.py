"""A password profile that rises: the hash is made anew at a sign-in, and never over a newer password."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.support.house import PASSWORD, House, open_house, other_browser
from tests.support.rows import change
from twostep.core.account import Account
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.password import PROFILES
from twostep.flows.sign_in import first_step
from twostep.flows.sign_in.first_step import sign_in
from twostep.store.account import accounts


TEST = PROFILES["test"]
DEARER = replace(TEST, name="dearer", passes=TEST.passes + 1)


async def _try(house: House, typed: str) -> object:
    visitor = other_browser(house)
    return await sign_in(house.by(visitor), identifier="alice", typed=typed, next_path="/")


def _stored(house: House, account: Account) -> str:
    loaded = house.env.store.read_now(accounts.load, account.id)
    assert loaded is not None
    assert loaded.password_hash
    return loaded.password_hash


def test_the_right_password_is_hashed_anew_and_a_wrong_one_changes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            account = await house.add()
            first = _stored(house, account)
            await house.sign_in()
            assert _stored(house, account) == first
            house.env = replace(house.env, profile=DEARER)
            assert isinstance(await _try(house, "wrong"), Refused)
            assert _stored(house, account) == first
            await house.sign_in()
            dearer = _stored(house, account)
            assert dearer != first
            assert f"t={DEARER.passes}," in dearer
            await house.sign_in()
            assert _stored(house, account) == dearer

    asyncio.run(story())


def test_a_password_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            account = await house.add()
            house.env = replace(house.env, profile=DEARER)
            claim = await house.by().read(first_step._look_up, identifier="alice")
            changed = "$argon2id$another"
            await house.env.store.run(
                change,
                accounts.save_password,
                account.id,
                password_hash=changed,
                short=False,
                now=house.now,
            )
            answer = await house.by().do(
                first_step._finish,
                claim=claim,
                right=True,
                new_hash=f"of {PASSWORD}",
                next_path="/",
            )
            assert isinstance(answer, Refused)
            assert answer.reason is Reason.CHANGED
            assert _stored(house, account) == changed

    asyncio.run(story())
