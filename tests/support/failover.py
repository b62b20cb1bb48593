"""A failover under load, whoever carries it out, and what has to hold afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg

from tests.support.crowd import Crowd
from tests.support.nodes import Node
from tests.support.waiting import wait_until


RECOVERED_SECONDS = 10
LONGEST_ANSWER_SECONDS = 8
CHANGES_BEFORE = 60
CHANGES_AFTER = 60
USED = "SELECT count(*) FROM recovery_codes WHERE used_at IS NOT NULL"
USED_EVENTS = "SELECT count(*) FROM audit_records WHERE event = 'recovery_code.used'"


@dataclass(frozen=True)
class Servers:
    """`kill` ends the primary; `promote` returns when another can be written to."""

    kill: Callable[[], None]
    promote: Callable[[], None]


@dataclass(frozen=True)
class Outcome:
    """Seconds: from the kill until every node said that it is not ready, from there until there was
    a new primary, and from then until the first change was acknowledged at each door."""

    noticed: float
    promoted: float
    recovered: Sequence[float]


def fail_over(crowd: Crowd, nodes: Sequence[Node], servers: Servers) -> Outcome:
    """End the primary in the middle of the crowd's work, and promote another once every node says
    that it is not ready. Blocks; returns when the crowd works at every door again."""
    before = crowd.acknowledged()
    wait_until("the crowd does not begin", lambda: crowd.acknowledged() >= before + CHANGES_BEFORE)
    servers.kill()
    noticed = wait_until(
        "no node says that it is not ready", lambda: not any(node.is_ready() for node in nodes)
    )
    start = time.monotonic()
    servers.promote()
    since, there = time.monotonic(), crowd.acknowledged()
    recovered = lambda: [crowd.tally.recovered(url, since=since) for url in crowd.urls]  # noqa: E731
    wait_until(
        "no node recovers",
        lambda: crowd.acknowledged() >= there + CHANGES_AFTER and all(recovered()),
    )
    wait_until("a node is not ready again", lambda: all(node.is_ready() for node in nodes))
    return Outcome(noticed, since - start, [seconds or float("inf") for seconds in recovered()])


async def under_load(
    crowd: Crowd, nodes: Sequence[Node], servers: Servers, *, people: int
) -> tuple[Outcome, dict[str, int]]:
    """The same beside so many people, who look afterwards whether everything holds."""

    async def fail() -> Outcome:
        try:
            return await asyncio.to_thread(fail_over, crowd, nodes, servers)
        finally:
            crowd.stop.set()

    outcome, _ = await asyncio.gather(fail(), crowd.run(people))
    return outcome, await crowd.review()


def review(crowd: Crowd, nodes: Sequence[Node], outcome: Outcome) -> None:
    """Errors were clean, nobody waited long, and it was over soon."""
    assert not [fault for node in nodes for fault in node.faults()]
    assert max(outcome.recovered) < RECOVERED_SECONDS, outcome
    assert crowd.tally.longest_seconds < LONGEST_ANSWER_SECONDS
    assert any(status == 503 for _, status in crowd.tally.answers), "there was no outage"


def review_database(url: str) -> None:
    """The new primary itself: as many codes used as its trail says."""
    with psycopg.connect(url, target_session_attrs="read-write") as connection:
        used = connection.execute(USED).fetchone()
        assert used == connection.execute(USED_EVENTS).fetchone()
        assert used != (0,)
