"""P11: how fast the audit trail is verified, on both engines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from bench import inside, postgres
from bench.results import say
from bench.serving import free_port, install, seed
from bench.size import many
from twostep.flows.audit.verify import Verified, verify_database


ACCOUNTS, EVENTS = many(10_000), many(200_000)
ROUNDS = 3


def on_sqlite(folder: Path) -> None:
    """`twostep audit verify` on the database's own trail, without the program's start."""
    _measure("SQLite", install(folder / "ours", free_port()), folder)


def on_postgres(folder: Path) -> None:
    """The same on PostgreSQL."""
    with postgres.durable(folder / "pg") as server:
        url = server.new_database(empty=True)
        _measure("PostgreSQL", install(folder / "ours", free_port(), database_url=url), folder)


def _measure(engine: str, config: Path, folder: Path) -> None:
    seed(config, folder, "--accounts", str(ACCOUNTS), "--events", str(EVENTS))

    async def story() -> tuple[float, Verified]:
        async with inside.opened(config) as env:
            began = time.perf_counter()
            verified = await verify_database(env, now=env.clock())
            return time.perf_counter() - began, verified

    rates = []
    for _ in range(ROUNDS):
        seconds, verified = asyncio.run(story())
        assert not verified.findings, verified.findings
        assert verified.events >= EVENTS, verified
        rates.append(verified.events / seconds)
    rate = sorted(rates)[ROUNDS // 2]
    say("P11", f"events verified, {engine}", rate, "/s", target="100,000/s", met=rate >= 100_000)


MEASURES: dict[str, tuple[Callable[[Path], None], ...]] = {"P11": (on_sqlite, on_postgres)}
