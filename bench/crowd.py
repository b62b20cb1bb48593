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
from bench.serving import (
    Seeded,
    free_port,
    install,
    run_verb,
    seed,
    serve_command,
    serving,
)
from bench.size import many


FEW = 1000
ACCOUNTS = max(FEW, many(1_000_000))
EVENTS_EACH = 10
ROUNDS = 5
CLIENTS = 16
MOST = 1.25
STEP_SECONDS = 30
SETTLE_SECONDS = 3


@dataclass(frozen=True)
class Town:
    """An installation with so many accounts."""

    config: Path
    port: int
    count: int
    accounts: tuple[Seeded, ...]


def on_both_engines(folder: Path) -> None:
    """The same million accounts on SQLite, then moved to PostgreSQL by `twostep db copy`."""
    towns = [_build(folder, count) for count in (FEW, ACCOUNTS)]
    path = towns[-1].config.parent / "data/twostep.sqlite3"
    _say_size("SQLite", path.stat().st_size)
    _compare("SQLite", *towns)
    with postgres.durable(folder / "pg") as server:
        urls = [server.new_database(empty=True) for _ in towns]
        for town, url in zip(towns, urls, strict=True):
            _move(town, url)
        server.administer("CHECKPOINT")
        name = urls[-1].rpartition("/")[2]
        ((size,),) = server.administer(f"SELECT pg_database_size('{name}')")
        _say_size("PostgreSQL", int(str(size)))
        _compare("PostgreSQL", *towns)


def _build(folder: Path, count: int) -> Town:
    """Fill it, and pick the accounts that will sign in: all over the database."""
    port = free_port()
    config = install(folder / f"town-{count}", port)
    began = time.perf_counter()
    options = ("--accounts", str(count), "--events", str(count * EVENTS_EACH))
    picked = seed(config, folder, *options, every=max(1, count // FEW))
    if count > FEW:
        _say_rate("accounts and events seeded, SQLite", count, began)
    return Town(config, port, count, tuple(picked[:FEW]))


def _move(town: Town, url: str) -> None:
    """Copy an installation to PostgreSQL, and let it go on there."""
    source = town.config.parent / "data/twostep.sqlite3"
    began = time.perf_counter()
    run_verb(town.config, "db", "copy", "--from", f"sqlite://{source}", "--to", url)
    if town.count > FEW:
        _say_rate("accounts and events copied from SQLite to PostgreSQL and verified",
                  town.count, began)  # fmt: skip
    text = town.config.read_text(encoding="utf-8")
    town.config.write_text(f'database_url = "{url}"\n{text}', encoding="utf-8")


def _say_rate(what: str, count: int, began: float) -> None:
    say("P8", what, count * (EVENTS_EACH + 1) / (time.perf_counter() - began), "/s")


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
                # What a server tidies up once it is quiet belongs into nobody else's round.
                time.sleep(SETTLE_SECONDS)
    # The first round warms both up.
    small, large = (_p99(results[town.port][1:]) for town in (few, many))
    say(
        "P8",
        f"second step, {engine}, p99 at {ACCOUNTS:,} accounts",
        large,
        "ms",
        ratio=large / small,
        against=f"{FEW:,} accounts {small:.1f} ms",
        target=f"{MOST} x",
        met=large <= MOST * small,
    )


def _p99(results: Sequence[load.Result]) -> float:
    return sorted(result.percentile(0.99) for result in results)[len(results) // 2]


def _round(town: Town, host: str) -> load.Result:
    """One second step of each picked account, from half sessions opened just before."""
    opened = inside.for_each(town.config, town.accounts, inside.open_half)
    halves = [
        replace(account, sessions=(half.token,))
        for account, half in zip(town.accounts, opened, strict=True)
    ]
    requests = [account.code_request(host) for account in halves]
    result = uvloop.run(load.run(requests, port=town.port, clients=CLIENTS))
    assert result.statuses[303] == len(halves), result.statuses
    return result


MEASURES: dict[str, tuple[Callable[[Path], None], ...]] = {"P8": (on_both_engines,)}
