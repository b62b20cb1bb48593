"""Parallel requests with passkeys: one answer wins once, two removals leave one, an id is taken once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.authenticator import Authenticator
from tests.support.house import House, open_house
from twostep.core.account import Account
from twostep.core.refusal import Reason, Refused
from twostep.flows.methods import enroll_passkey, remove
from twostep.flows.methods.enroll_passkey import PasskeyAdded
from twostep.flows.sign_in import passkey_step as use_passkey
from twostep.flows.sign_in.complete import SignedIn
from twostep.store.methods import passkeys


TOGETHER = 20


async def _begin(house: House, account: Account, signed_in: SignedIn) -> dict[str, Any]:
    options = await house.by().do(enroll_passkey.begin_passkey, account, signed_in.session)
    assert not isinstance(options, Refused)
    return options


async def _finish(house: House, signed_in: SignedIn, typed: str) -> PasskeyAdded | Refused:
    return await house.by(token=signed_in.token).do(
        enroll_passkey.finish_passkey, signed_in.session, typed=typed, name=""
    )


async def _enrol(house: House, account: Account) -> tuple[Authenticator, SignedIn]:
    signed_in = await house.sign_in(account.name)
    key = Authenticator(house.env.settings.public_url)
    added = await _finish(house, signed_in, key.create(await _begin(house, account, signed_in)))
    assert isinstance(added, PasskeyAdded), added
    return key, added.signed_in


def test_one_answer_opens_one_of_twenty_sign_ins(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            key, _ = await _enrol(house, await house.add())
            typed = key.get(use_passkey.options_alone(house.env, now=house.now))
            answers = await asyncio.gather(
                *(
                    house.by().do(use_passkey.sign_in_alone, typed=typed, next_path="/")
                    for _ in range(TOGETHER)
                )
            )
            assert sum(isinstance(answer, SignedIn) for answer in answers) == 1
            reasons = {answer.reason for answer in answers if isinstance(answer, Refused)}
            assert reasons == {Reason.PASSKEY_REFUSED}

    asyncio.run(story())


def test_one_answer_raises_one_half_session_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            key, _ = await _enrol(house, await house.add())
            half = await house.sign_in()
            options = await house.by().do(use_passkey.view_options, half.session)
            typed = key.get(options)
            answers = await asyncio.gather(
                *(
                    house.by(token=half.token).do(
                        use_passkey.submit_second_step,
                        half.session,
                        typed=typed,
                        wants_remembering=False,
                    )
                    for _ in range(TOGETHER)
                )
            )
            assert sum(isinstance(answer, SignedIn) for answer in answers) == 1
            reasons = {answer.reason for answer in answers if isinstance(answer, Refused)}
            assert reasons == {Reason.STEP_ENDED}

    asyncio.run(story())


def test_one_passkey_is_taken_by_one_of_two_accounts(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            accounts = [await house.add(name) for name in ("alice", "bob")]
            sessions = [await house.sign_in(account.name) for account in accounts]
            key = Authenticator(house.env.settings.public_url)
            made = [
                key.create(await _begin(house, account, session))
                for account, session in zip(accounts, sessions, strict=True)
            ]
            answers = await asyncio.gather(
                *(
                    _finish(house, session, typed)
                    for session, typed in zip(sessions, made, strict=True)
                )
            )
            assert sum(isinstance(answer, PasskeyAdded) for answer in answers) == 1

    asyncio.run(story())


def test_two_removals_leave_one(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            account = await house.add()
            _, signed_in = await _enrol(house, account)
            key = Authenticator(house.env.settings.public_url)
            added = await _finish(
                house, signed_in, key.create(await _begin(house, account, signed_in))
            )
            assert isinstance(added, PasskeyAdded)
            stored = await house.env.store.run(passkeys.list_passkeys, account.id)
            answers = await asyncio.gather(
                *(
                    house.by().do(
                        remove.remove_method, added.signed_in.session, method_id=passkey.id
                    )
                    for passkey in stored
                )
            )
            assert sum(isinstance(answer, remove.Removed) for answer in answers) == 1
            assert len(await house.env.store.run(passkeys.list_passkeys, account.id)) == 1

    asyncio.run(story())


def test_a_remembered_value_is_rotated_once(tmp_path: Path) -> None:
    """Ten tabs at once: each is signed in, and whichever answer comes last, the value is the same."""

    async def story() -> None:
        async with open_house(tmp_path, policy__remember_browser_days=30) as house:
            account = await house.add()
            key, _ = await _enrol(house, account)
            half = await house.sign_in()
            options = await house.by().do(use_passkey.view_options, half.session)
            signed_in = await house.by(token=half.token).do(
                use_passkey.submit_second_step,
                half.session,
                typed=key.get(options),
                wants_remembering=True,
            )
            assert isinstance(signed_in, SignedIn)
            assert signed_in.remember_token
            visitor = replace(house.visitor, remember_token=signed_in.remember_token)
            answers = await asyncio.gather(*(house.sign_in(visitor=visitor) for _ in range(10)))
            assert {answer.session.amr for answer in answers} == {"pwd"}
            (value,) = {answer.remember_token for answer in answers}
            assert value not in {None, signed_in.remember_token}

    asyncio.run(story())
