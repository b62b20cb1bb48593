"""Parallel requests: a code works once, limits stop exactly, and no two removals leave nothing.

Every flow is started together on one real database; the store decides the order.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.house import PASSWORD, House, open_house, other_browser
from twostep.core.methods.out_of_band import Purpose
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import Level
from twostep.flows.hash_pool import PLACES_IN_A_LANE, HashPool
from twostep.flows.messages import send_code
from twostep.flows.methods import remove
from twostep.flows.sign_in import first_step, second_step, sessions
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.sign_in.second_step import SecondStepDone
from twostep.flows.turn import TurnOpener
from twostep.store.account import accounts as stored_accounts
from twostep.store.methods.all_methods import load_methods
from twostep.store.sign_in import sessions as stored_sessions


TOGETHER = 20


async def _submit(house: House, half: SignedIn, typed: str) -> object:
    return await second_step.submit_code(house.by(token=half.token), half.session, typed=typed)


async def _halves(house: House, count: int) -> list[SignedIn]:
    return [await house.sign_in() for _ in range(count)]


def _won(answers: list[object]) -> int:
    return sum(isinstance(answer, SecondStepDone) for answer in answers)


def test_one_app_code_opens_one_of_twenty_sign_ins(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            await house.add()
            secret, _ = await house.add_app(await house.sign_in())
            house.clock.forward(60)
            halves = await _halves(house, TOGETHER)
            code = house.code(secret)
            answers = await asyncio.gather(*(_submit(house, half, code) for half in halves))
            assert _won(answers) == 1
            reasons = Counter(answer.reason for answer in answers if isinstance(answer, Refused))
            assert reasons == {Reason.CODE_USED: TOGETHER - 1}

    asyncio.run(story())


@pytest.mark.row("OTP-09")
def test_one_app_code_posted_twenty_times_in_one_sign_in_works_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            await house.add()
            secret, _ = await house.add_app(await house.sign_in())
            house.clock.forward(60)
            half = await house.sign_in()
            code = house.code(secret)
            answers = await asyncio.gather(*(_submit(house, half, code) for _ in range(TOGETHER)))
            assert _won(answers) == 1

    asyncio.run(story())


@pytest.mark.row("OTP-09")
def test_one_backup_code_opens_one_of_twenty_sign_ins(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            await house.add()
            _, full = await house.add_app(await house.sign_in())
            codes = await house.make_codes(full)
            halves = await _halves(house, TOGETHER)
            answers = await asyncio.gather(*(_submit(house, half, codes[4]) for half in halves))
            assert _won(answers) == 1
            reasons = {answer.reason for answer in answers if isinstance(answer, Refused)}
            assert reasons == {Reason.BACKUP_CODE_USED}

    asyncio.run(story())


@pytest.mark.row("OTP-09")
def test_one_texted_code_posted_twenty_times_works_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            await house.add()
            _, full = await house.add_app(await house.sign_in())
            phone_id = await house.add_phone(full)
            house.clock.forward(60)
            half = await house.sign_in()
            sent = await house.by(token=half.token).do(
                send_code.send_code,
                half.session,
                purpose=Purpose.SIGN_IN,
                phone_id=phone_id,
                channel="sms",
            )
            assert not isinstance(sent, Refused), sent
            code = await house.newest_code()
            answers = await asyncio.gather(*(_submit(house, half, code) for _ in range(TOGETHER)))
            assert _won(answers) == 1

    asyncio.run(story())


def test_forty_wrong_codes_at_once_stop_exactly_at_the_limit(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            account = await house.add()
            await house.add_app(await house.sign_in())
            house.clock.forward(60)
            halves = await _halves(house, 40)
            answers = await asyncio.gather(
                *(_submit(house, half, f"{100_000 + n}") for n, half in enumerate(halves))
            )
            reasons = Counter(answer.reason for answer in answers if isinstance(answer, Refused))
            assert reasons == {Reason.CODE_WRONG: 5, Reason.THROTTLED: 35}
            now = house.env.store.read_now(stored_accounts.load, account.id)
            assert now is not None
            assert now.wrong_in_a_row == 5

    asyncio.run(story())


def test_forty_wrong_passwords_at_once_stop_exactly_at_the_limit(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            await house.add()
            stranger = other_browser(house)
            # Two by two, because at most 32 passwords may wait to be hashed.
            answers: list[object] = []
            for _ in range(2):
                answers += await asyncio.gather(
                    *(
                        first_step.sign_in(
                            house.by(stranger),
                            identifier="alice",
                            typed=f"wrong {n}",
                            next_path="/",
                        )
                        for n in range(20)
                    )
                )
            reasons = Counter(answer.reason for answer in answers if isinstance(answer, Refused))
            assert reasons == {Reason.SIGN_IN_WRONG: 10, Reason.THROTTLED: 30}

    asyncio.run(story())


def test_two_removals_at_once_never_leave_no_app(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            account = await house.add()
            _, full = await house.add_app(await house.sign_in())
            house.clock.forward(60)
            _, full = await house.add_app(full)
            apps = house.env.store.read_now(load_methods, account.id).apps
            assert len(apps) == 2
            answers = await asyncio.gather(
                *(
                    house.by().do(remove.remove_method, full.session, method_id=app.id)
                    for app in apps
                )
            )
            assert sum(isinstance(answer, remove.Removed) for answer in answers) == 1
            assert len(house.env.store.read_now(load_methods, account.id).apps) == 1

    asyncio.run(story())


def test_a_sign_in_beside_end_all_sessions_is_before_or_after_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house:
            account = await house.add()
            secret, full = await house.add_app(await house.sign_in())
            house.clock.forward(60)
            half = await house.sign_in()
            signed_in, ending = await asyncio.gather(
                _submit(house, half, house.code(secret)),
                house.by().do(sessions.end_others, full.session),
            )
            live = house.env.store.read_now(
                stored_sessions.list_live, account.id, now=house.now, seen_after=0
            )
            assert isinstance(ending, sessions.SessionsEnded)
            others = [session for session in live if session.id != full.session.id]
            # First the sign-in: it was ended. First the end: the half session was gone.
            assert not others or (
                isinstance(signed_in, SecondStepDone)
                and others[0].level is Level.FULL
                and not ending.sessions
            )

    asyncio.run(story())


def test_a_password_hash_never_runs_for_more_than_its_places(
    tmp_path: Path, on_engine: str
) -> None:
    now = most = 0

    @contextmanager
    def counted(_known: bool) -> Iterator[None]:  # noqa: FBT001  the pool's
        nonlocal now, most
        now += 1
        most = max(most, now)
        try:
            yield
        finally:
            now -= 1

    async def story() -> None:
        async with open_house(tmp_path) as house:
            await house.add()
            pool = HashPool(around=counted)
            env = replace(house.env, hashes=pool)
            stranger = other_browser(house)
            answers = await asyncio.gather(
                *(
                    first_step.sign_in(
                        TurnOpener(env, stranger, house.now),
                        identifier="alice",
                        typed=PASSWORD,
                        next_path="/",
                    )
                    for _ in range(100)
                ),
                return_exceptions=True,
            )
            pool.close()
            kinds = Counter(type(answer).__name__ for answer in answers)
            assert kinds.keys() <= {"SignedIn", "Overloaded"}
            assert kinds["Overloaded"] == pool.refused
            assert most <= PLACES_IN_A_LANE
            if on_engine == "sqlite":  # reads at once, so all hundred come together
                assert kinds == {"SignedIn": 32, "Overloaded": 68}

    asyncio.run(story())
