"""Three nodes on one PostgreSQL: nothing that decides is in a process's memory."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path

import psycopg
import pytest

from tests.support.engines import Engine, open_store
from tests.support.house import House, open_house
from tests.support.postgres import PostgresServer, patient_pools
from tests.support.waiting import PATIENCE_SECONDS, wait_until
from twostep.core.audit import event
from twostep.core.audit.event import CLI
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in.session import AMR_PASSWORD, Aal, Level
from twostep.flows.audit.checkpoint import checkpoint_all
from twostep.flows.audit.verify import verify_database
from twostep.flows.env import NOBODY, Env
from twostep.flows.operate.purge import purge
from twostep.flows.sign_in import second_step
from twostep.flows.sign_in.complete import Proof, SignedIn, complete_sign_in, open_session
from twostep.flows.sign_in.second_step import SecondStepDone
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.account import accounts
from twostep.store.audit import trail as audit
from twostep.store.methods import apps
from twostep.store.tx import Tx


TOGETHER = 20


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Engine]:
    url = postgres.lend_database()
    with patient_pools():
        yield Engine("postgresql", url)
    postgres.give_back(url)


@asynccontextmanager
async def _nodes(house: House, database: Engine, *, count: int) -> AsyncIterator[list[Env]]:
    async with AsyncExitStack() as stack:
        yield [
            replace(house.env, store=await stack.enter_async_context(open_store(database)))
            for _ in range(count)
        ]


async def _person(house: House, env: Env) -> tuple[bytes, SignedIn]:
    """An account with an app, whose browser is known; the app's secret and the full session."""
    house.env = env
    account = await house.add()

    def sign_in(tx: Tx) -> SignedIn:
        locked = accounts.lock(tx, account.id)
        assert locked is not None
        return complete_sign_in(
            Turn(tx, env, house.visitor, house.now),
            locked,
            half=None,
            proof=Proof(AMR_PASSWORD, Aal.AAL1, ""),
            next_path="/",
        )

    full = await env.store.run(sign_in)
    house.visitor = replace(house.visitor, browser_token=full.browser_token or "")
    secret, _ = await house.add_app(full)
    house.clock.forward(60)
    return secret, full


async def _half(house: House, env: Env, full: SignedIn) -> SignedIn:
    def begin(tx: Tx) -> SignedIn:
        locked = accounts.lock(tx, full.session.account_id)
        assert locked is not None
        return open_session(
            Turn(tx, env, house.visitor, house.now),
            locked,
            level=Level.HALF,
            browser_id=full.session.browser_id,
            next_path="/",
        )

    return await env.store.run(begin)


async def _submit(house: House, env: Env, half: SignedIn, typed: str) -> SecondStepDone | Refused:
    return await second_step.submit_code(
        TurnOpener(env, replace(house.visitor, session_token=half.token), house.now),
        half.session,
        typed=typed,
    )


def test_twenty_posts_of_one_code_to_three_nodes_have_one_winner(
    database: Engine, tmp_path: Path
) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house, _nodes(house, database, count=3) as nodes:
            kept = house.env
            secret, full = await _person(house, nodes[0])
            halves = [await _half(house, nodes[0], full) for _ in range(TOGETHER)]
            answers = await asyncio.gather(
                *(
                    _submit(house, env, half, house.code(secret))
                    for half, env in zip(halves, cycle(nodes), strict=False)
                )
            )
            assert sum(isinstance(answer, SecondStepDone) for answer in answers) == 1
            reasons = Counter(answer.reason for answer in answers if isinstance(answer, Refused))
            assert reasons == {Reason.CODE_USED: TOGETHER - 1}
            house.env = kept

    asyncio.run(story())


def test_forty_wrong_codes_to_three_nodes_stop_exactly_at_the_limit(
    database: Engine, tmp_path: Path
) -> None:
    async def story() -> None:
        async with open_house(tmp_path) as house, _nodes(house, database, count=3) as nodes:
            kept = house.env
            _, full = await _person(house, nodes[0])
            halves = [await _half(house, nodes[0], full) for _ in range(40)]
            answers = await asyncio.gather(
                *(
                    _submit(house, env, half, f"{100_000 + n}")
                    for n, (half, env) in enumerate(zip(halves, cycle(nodes), strict=False))
                )
            )
            reasons = Counter(answer.reason for answer in answers if isinstance(answer, Refused))
            assert reasons == {Reason.CODE_WRONG: 5, Reason.THROTTLED: 35}
            house.env = kept

    asyncio.run(story())


def test_a_second_step_waits_for_the_database_six_times_at_most(
    database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from twostep.store.engine.postgres_wire import Wire  # noqa: PLC0415  an extra

    seen: list[int] = []
    commit = Wire.commit

    def counted(wire: Wire) -> bool:
        committed = commit(wire)
        seen.append(wire.round_trips)
        return committed

    async def story() -> None:
        async with open_house(tmp_path) as house, _nodes(house, database, count=1) as nodes:
            kept = house.env
            secret, full = await _person(house, nodes[0])
            monkeypatch.setattr(Wire, "commit", counted)
            for token in (house.visitor.browser_token, ""):
                house.clock.forward(60)
                house.visitor = replace(house.visitor, browser_token=token)
                half = await _half(house, nodes[0], full)
                seen.clear()
                answer = await _submit(house, nodes[0], half, house.code(secret))
                assert isinstance(answer, SecondStepDone), answer
                assert seen[0] <= 6
            assert len(nodes[0].store.read_now(apps.list_apps, full.session.account_id)) == 1
            house.env = kept

    asyncio.run(story())


WAITING = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def _one_waits_for_the_other(database: Engine) -> bool:
    with psycopg.connect(database.url) as connection:
        return connection.execute(WAITING).fetchone() is not None


def test_two_nodes_that_tidy_up_at_once_leave_a_whole_trail(
    database: Engine, tmp_path: Path
) -> None:
    """The one that comes later and takes less must not put back the start that the other moved."""
    taken, go_on = threading.Event(), threading.Event()

    async def story() -> None:
        async with open_house(tmp_path) as house, _nodes(house, database, count=2) as nodes:
            kept, house.env = house.env, nodes[0]
            account = await house.add()
            later = house.now + 400 * 86_400

            def record(tx: Tx) -> None:
                held = accounts.lock(tx, account.id)
                assert held is not None
                for _ in range(50):
                    session_ended = event.new_event(event.SESSION_ENDED, by="user", sessions=1)
                    audit.append(
                        tx,
                        session_ended,
                        account=held,
                        source=CLI,
                        now=house.now,
                        keyring=house.env.keyring,
                    )

            def take_much(tx: Tx) -> int:
                removed = purge(Turn(tx, nodes[0], NOBODY, later), limit=40)
                taken.set()
                assert go_on.wait(PATIENCE_SECONDS)
                return removed

            await nodes[0].store.run(record)
            await checkpoint_all(TurnOpener(nodes[0], NOBODY, house.now))
            much = asyncio.create_task(nodes[0].store.run(take_much))
            assert await asyncio.to_thread(taken.wait, PATIENCE_SECONDS)
            little = asyncio.create_task(TurnOpener(nodes[1], NOBODY, later).do(purge, limit=10))
            await asyncio.to_thread(
                wait_until, "neither waits", partial(_one_waits_for_the_other, database)
            )
            go_on.set()
            assert min(await asyncio.gather(much, little)) > 0
            seen = await verify_database(nodes[0], now=later)
            assert (seen.events > 0, seen.findings) == (True, ())
            house.env = kept

    asyncio.run(story())
