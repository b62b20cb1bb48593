"""P8: whether a million accounts slow a second step down, on both engines."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop

from bench import inside, load, postgres
from bench.results import say
from bench.serving import Seeded, free_port, install, seed, serve_command, serving
from bench.size import many


FEW = 1000
ACCOUNTS = max(FEW, many(1_000_000))
EVENTS_EACH = 10
ROUNDS = 5
CLIENTS = 16
MOST = 1.25
STEP_SECONDS = 30


@dataclass(frozen=True)
class Town:
    """An installation with so many accounts."""

    config: Path
    port: int
    accounts: tuple[Seeded, ...]


def on_sqlite(folder: Path) -> None:
    """SQLite."""
    few, many = (
        _build("SQLite", install(folder / f"town-{count}", port), folder, port=port, count=count)
        for count, port in ((FEW, free_port()), (ACCOUNTS, free_port()))
    )
    path = folder / f"town-{ACCOUNTS}/data/twostep.sqlite3"
    _say_size("SQLite", path.stat().st_size)
    _compare("SQLite", few, many)


def on_postgres(folder: Path) -> None:
    """PostgreSQL, both databases on one server."""
    with postgres.durable(folder / "pg") as server:
        urls = [server.new_database(empty=True) for _ in range(2)]
        few, many = (
            _build(
                "PostgreSQL",
                install(folder / f"town-{count}", port, database_url=url),
                folder,
                port=port,
                count=count,
            )
            for count, port, url in zip(
                (FEW, ACCOUNTS), (free_port(), free_port()), urls, strict=True
            )
        )
        server.administer("CHECKPOINT")
        name = urls[1].rpartition("/")[2]
        ((size,),) = server.administer(f"SELECT pg_database_size('{name}')")
        _say_size("PostgreSQL", int(str(size)))
        _compare("PostgreSQL", few, many)


def _build(engine: str, config: Path, folder: Path, *, port: int, count: int) -> Town:
    """Fill it, and pick the accounts that will sign in: all over the database."""
    began = time.perf_counter()
    events = count * EVENTS_EACH
    seeded = seed(config, folder, "--accounts", str(count), "--events", str(events))
    if count > FEW:
        rate = count * (EVENTS_EACH + 1) / (time.perf_counter() - began)
        say("P8", f"accounts and events seeded, {engine}", rate, "/s")
    picked = seeded[:: max(1, count // FEW)][:FEW]
    return Town(config, port, tuple(picked))


def _say_size(engine: str, size: int) -> None:
    say("P8", f"bytes of an account with {EVENTS_EACH} events, {engine}", size / ACCOUNTS, "bytes")


def _compare(engine: str, few: Town, many: Town) -> None:
    results: dict[int, list[load.Result]] = {few.port: [], many.port: []}
    with ExitStack() as stack:
        hosts = {
            town.port: stack.enter_context(
                serving(serve_command(town.config, town.port), town.port)
            ).host
            for town in (few, many)
        }
        for _ in range(ROUNDS + 1):
            # A code works once: each round needs a half minute of its own.
            time.sleep(STEP_SECONDS - time.time() % STEP_SECONDS)
            for town in (few, many):
                results[town.port].append(_round(town, hosts[town.port]))
    # The first round warms both up.
    small, large = (_p99(results[town.port][1:]) for town in (few, many))
    say("P8", f"second step, {engine}, p99 at {ACCOUNTS:,} accounts", large, "ms",
        ratio=large / small, against=f"{FEW:,} accounts {small:.1f} ms",
        target=f"{MOST} x", met=large <= MOST * small)  # fmt: skip


def _p99(results: Sequence[load.Result]) -> float:
    return sorted(one.percentile(0.99) for one in results)[len(results) // 2]


def _round(town: Town, host: str) -> load.Result:
    """One second step of each picked account, from half sessions opened just before."""
    opened = inside.for_each(town.config, town.accounts, inside.open_half)
    halves = [
        replace(one, sessions=(half.token,))
        for one, half in zip(town.accounts, opened, strict=True)
    ]
    requests = [one.code_request(host) for one in halves]
    result = uvloop.run(load.run(requests, port=town.port, clients=CLIENTS))
    assert result.statuses[303] == len(halves), result.statuses
    return result


MEASURES: dict[str, tuple[Callable[[Path], None], ...]] = {"P8": (on_sqlite, on_postgres)}
