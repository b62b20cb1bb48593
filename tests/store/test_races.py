"""Statements that decide something, run by many at once: one winner, and no row twice.

On PostgreSQL three stores stand for three nodes, each with connections of its own. On SQLite one
process has the database, so one store runs everything.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import cycle, pairwise
from typing import Any

import pytest

from tests.support.engines import Engine, open_store
from tests.support.rows import ACCOUNT, LINK_DIGEST, NOW, message, save_everything
from twostep.core.audit.event import SYSTEM, Event, Outcome
from twostep.core.methods.totp import Drift
from twostep.core.refusal import Refused
from twostep.core.sealing import Keyring, new_key
from twostep.core.sign_in import throttle
from twostep.core.token import new_id
from twostep.store.account import accounts, addresses, mail_links
from twostep.store.audit import trail as audit
from twostep.store.messages import outbox
from twostep.store.methods import apps, challenges
from twostep.store.methods import backup_codes as recovery_codes
from twostep.store.sign_in import kept_forms as kept_posts
from twostep.store.sign_in import sessions, throttles
from twostep.store.tx import Store, Tx


KEYRING = Keyring((new_key(),))


TOGETHER = 20
WRONG = 40


@asynccontextmanager
async def _nodes(engine: Engine) -> AsyncIterator[list[Store]]:
    async with AsyncExitStack() as stack:
        count = 3 if engine.name == "postgresql" else 1
        nodes = [await stack.enter_async_context(open_store(engine)) for _ in range(count)]
        await nodes[0].run(save_everything)
        yield nodes


def _together(
    engine: Engine,
    flow: Callable[[Tx], Any],
    times: int,
    *,
    then: Callable[[Tx], Any] = lambda _: 0,
) -> tuple[list[Any], Any]:
    async def story() -> tuple[list[Any], Any]:
        async with _nodes(engine) as nodes:
            runs: list[Coroutine[Any, Any, Any]] = [
                node.run(flow) for _, node in zip(range(times), cycle(nodes), strict=False)
            ]
            return await asyncio.gather(*runs), await nodes[-1].read(then)

    return asyncio.run(story())


def _burn_step(tx: Tx) -> bool:
    return apps.advance_step(tx, "app", step=9, drift=Drift(0, 0), now=NOW, browser="Firefox")


def _take_post(tx: Tx) -> bool:
    return kept_posts.take(tx, "post", session_id="ses") is not None


def _add_bob(tx: Tx) -> bool:
    bob = replace(ACCOUNT, id=new_id(), name="Bob")
    return accounts.insert(tx, bob, name_key="bob") is not None


@pytest.mark.parametrize(
    "burn",
    [
        pytest.param(_burn_step, id="app-step"),
        pytest.param(lambda tx: recovery_codes.consume(tx, "code3", now=NOW), id="backup-code"),
        pytest.param(lambda tx: challenges.consume(tx, "cha", now=NOW), id="sent-code"),
        pytest.param(
            lambda tx: mail_links.consume(tx, LINK_DIGEST, purpose="reset_password", now=NOW),
            id="mail-link",
        ),
        pytest.param(lambda tx: apps.remove_app(tx, "app", account_id="acc"), id="removal"),
        pytest.param(_take_post, id="kept-form"),
        pytest.param(lambda tx: sessions.remove(tx, "ses", account_id="acc"), id="session"),
        pytest.param(_add_bob, id="name"),
    ],
)
@pytest.mark.parametrize("locked", [True, False], ids=["account-locked", "bare"])
def test_of_twenty_one_wins(engine: Engine, burn: Callable[[Tx], bool], *, locked: bool) -> None:
    def flow(tx: Tx) -> bool:
        if locked:
            assert accounts.lock(tx, "acc") is not None
        return burn(tx)

    answers, _ = _together(engine, flow, TOGETHER)
    assert Counter(answers)[True] == 1


def test_forty_wrong_tries_are_counted_exactly_to_the_limit(engine: Engine) -> None:
    rule = throttle.CODE

    def try_wrong_code(tx: Tx) -> bool:
        accounts.lock(tx, "acc")
        state = throttles.load(tx, "k")
        if isinstance(throttle.refuse(state, rule, now=NOW), Refused):
            return False
        state = throttle.count(throttles.lock(tx, "k", now=NOW), rule, now=NOW)
        throttles.save(tx, "k", state, now=NOW)
        return True

    def once(tx: Tx) -> int:
        return throttles.load(tx, "k").waits

    answers, waits = _together(engine, try_wrong_code, WRONG, then=once)
    tried = Counter(answers)[True]
    alone = 0
    state = throttle.State()
    while not throttle.refuse(state, rule, now=NOW):
        state = throttle.count(state, rule, now=NOW)
        alone += 1
    assert tried == alone
    assert waits == state.waits


def test_two_removals_never_leave_none(engine: Engine) -> None:
    """The account's row decides: who comes second sees one app and leaves it."""

    def remove_unless_last(tx: Tx) -> bool:
        accounts.lock(tx, "acc")
        remaining = apps.list_apps(tx, "acc")
        return len(remaining) > 1 and apps.remove_app(tx, remaining[0].id, account_id="acc")

    async def story() -> None:
        async with _nodes(engine) as nodes:
            await nodes[0].run(
                lambda tx: tx.do(
                    "INSERT INTO apps (id, account_id, name, secret, algorithm, digits,"
                    " period_seconds, last_step, origin, created_at) SELECT 'app2', account_id,"
                    " name, secret, algorithm, digits, period_seconds, last_step, origin,"
                    " created_at FROM apps"
                )
            )
            answers = await asyncio.gather(
                *(nodes[n % len(nodes)].run(remove_unless_last) for n in range(6))
            )
            assert Counter(answers)[True] == 1
            assert len(await nodes[0].read(apps.list_apps, "acc")) == 1

    asyncio.run(story())


def test_a_sign_in_beside_ending_all_sessions_leaves_none_behind(engine: Engine) -> None:
    """Either it comes first and is ended, or it comes second and finds its half session gone."""

    def end_all(tx: Tx) -> int:
        accounts.lock(tx, "acc")
        return sessions.remove_others(tx, "acc", keep="")

    def complete(tx: Tx) -> bool:
        accounts.lock(tx, "acc")
        half = sessions.load_current(tx, "ses", digest=b"cookie")
        if half is None:
            return False
        sessions.raise_session(tx, half, old_digest=b"cookie", new_digest=b"new")
        return True

    async def story() -> None:
        async with _nodes(engine) as nodes:
            flows: tuple[Callable[[Tx], Any], ...] = (complete, end_all, complete)
            _, ended_count, _ = await asyncio.gather(
                *(node.run(flow) for flow, node in zip(flows, cycle(nodes), strict=False))
            )
            assert ended_count == 1
            assert not await nodes[0].read(sessions.exists, "ses")

    asyncio.run(story())


def test_an_accounts_chain_has_no_gap_and_no_fork(engine: Engine) -> None:
    def append(tx: Tx) -> None:
        account = accounts.lock(tx, "acc")
        event = Event("sign_in.completed", Outcome.OK)
        audit.append(tx, event, account=account, source=SYSTEM, now=NOW, keyring=KEYRING)
        audit.append_system(tx, event, subject="s", source=SYSTEM, now=NOW, keyring=KEYRING)

    def chain(tx: Tx) -> list[list[tuple[int, bytes, bytes]]]:
        rows = tx.all("SELECT chain, seq, prev_hash, hash FROM audit_records ORDER BY chain, seq")
        names = sorted({row[0] for row in rows})
        return [[tuple(row[1:]) for row in rows if row[0] == name] for name in names]

    _, chains = _together(engine, append, TOGETHER, then=chain)
    assert len(chains) == 2
    for records in chains:
        assert [seq for seq, _, _ in records] == list(range(1, TOGETHER + 1))
        assert all(a[2] == b[1] for a, b in pairwise(records))


def test_two_workers_claim_each_message_once(engine: Engine) -> None:
    async def story() -> None:
        async with _nodes(engine) as nodes:

            def queue(tx: Tx) -> None:
                for n in range(500):
                    outbox.insert(tx, message(f"m{n}"))

            await nodes[0].run(queue)
            claimed: list[str] = []

            async def work(store: Store) -> None:
                while rows := await store.run(
                    outbox.claim_due, now=NOW, lease_seconds=60, limit=16
                ):
                    claimed.extend(row.id for row in rows)
                    assert len(rows) <= 16
                    assert all(row.attempt == 1 for row in rows)

            await asyncio.gather(work(nodes[0]), work(nodes[-1]))
            assert sorted(claimed) == sorted(f"m{n}" for n in range(500))
            lapsed = await nodes[0].run(
                outbox.claim_due, now=NOW + 60, lease_seconds=60, limit=1000
            )
            assert len(lapsed) == 500

    asyncio.run(story())


def test_a_worker_that_looked_at_the_clock_earlier_takes_nothing_from_another(
    engine: Engine,
) -> None:
    def claims(tx: Tx) -> None:
        outbox.insert(tx, message("m"))

        def claim(now: int) -> list[str]:
            return [row.id for row in outbox.claim_due(tx, now=now, lease_seconds=60, limit=9)]

        assert claim(NOW + 2) == ["m"]
        assert claim(NOW) == claim(NOW + 1) == []
        # An hour ago the clock said otherwise: nobody waits for that lease.
        assert claim(NOW + 3600) == ["m"]
        assert claim(NOW) == ["m"]

    async def story() -> None:
        async with _nodes(engine) as nodes:
            await nodes[0].run(claims)

    asyncio.run(story())


def test_one_address_is_verified_by_one_account(engine: Engine) -> None:
    def add_second(tx: Tx) -> None:
        for account_id in ("one", "two"):
            tx.do(
                "INSERT INTO accounts (id, name, name_key, role, language, time_zone, created_at,"
                " audit_hash) VALUES (:id, :id, :id, 'user', 'en', 'UTC', 0, :hash)",
                id=account_id,
                hash=bytes(32),
            )
            tx.do(
                "INSERT INTO email_addresses (id, account_id, address, address_key, created_at)"
                " VALUES (:id, :id, 'a@example.com', 'a@example.com', 0)",
                id=account_id,
            )

    async def story() -> None:
        async with _nodes(engine) as nodes:
            await nodes[0].run(add_second)
            answers = await asyncio.gather(
                *(
                    node.run(addresses.verify_address, name, account_id=name, now=NOW)
                    for name, node in zip(("one", "two") * 4, cycle(nodes), strict=False)
                )
            )
            assert Counter(answers)[True] == 1

    asyncio.run(story())
