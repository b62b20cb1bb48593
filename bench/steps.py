"""P1 and P2: the second step, on both engines, and one code posted ten times at once."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import uvloop

from bench import bare_step, load, peer, postgres
from bench.results import say
from bench.serving import Seeded, free_port, install, seed, serve_command, serving, serving_all
from bench.size import many


ROUNDS = 3
CLIENTS = 16
OURS, THEIRS = many(6000), many(300)
ALONE_OURS, ALONE_THEIRS = many(2000), many(200)
POSTED_AGAIN = 10
TARGET = "aim 2,000/s and 8 x, floor 1,200/s and 5 x"


def second_step(folder: Path) -> None:
    """P1: POST /sign-in/code, everything durable, from known browsers; the peer and the bare work
    in turn with it."""
    port, bare_port = free_port(), free_port()
    count = OURS * ROUNDS + ALONE_OURS
    config = install(folder / "ours", port)
    bare_command = [sys.executable, "-m", "bench.bare_step", str(bare_port)]
    bare_command += [str(folder / "bare.sqlite3"), str(count)]
    with (
        serving(serve_command(config, port), port) as server,
        peer.running(folder / "peer") as other,
        serving(bare_command, bare_port),
    ):
        mine = seed(config, folder, "--accounts", str(count), "--sessions", str(count), "--half")
        theirs = other.seed(THEIRS * ROUNDS + ALONE_THEIRS, half=1)
        alone = _round(mine[:ALONE_OURS], server.host, port=port, clients=1)
        beside = _round(theirs[:ALONE_THEIRS], other.server.host, port=other.server.port, clients=1)
        ours, peers, bare = [], [], []
        for number in range(ROUNDS):
            part = mine[ALONE_OURS + number * OURS :][:OURS]
            their_part = theirs[ALONE_THEIRS + number * THEIRS :][:THEIRS]
            their_host, their_port = other.server.host, other.server.port
            peers.append(_round(their_part, their_host, port=their_port, clients=CLIENTS))
            ours.append(_round(part, server.host, port=port, clients=CLIENTS))
            bare.append(_bare_round(range(number * OURS, (number + 1) * OURS), bare_port))
    _say_alone(alone.rate, beside.rate)
    _say_crowd(ours, peers)
    _say_bare(_median(ours), _median(bare))


def _say_alone(rate: float, beside: float) -> None:
    say(
        "P1",
        "second step, SQLite, alone",
        rate,
        "/s",
        ratio=rate / beside,
        against=f"{peer.NAME} {beside:.0f}/s",
    )
    say("P1", f"{peer.NAME}: second step, alone", beside, "/s")


def _say_bare(rate: float, limit: float) -> None:
    say("P1", f"{bare_step.NAME}: second step, {CLIENTS} clients", limit, "/s")
    say(
        "P1",
        f"second step, SQLite, {CLIENTS} clients, against the bare work",
        rate,
        "/s",
        ratio=rate / limit,
        against=f"bare work {limit:.0f}/s",
    )


def _round(
    accounts: Sequence[Seeded | peer.Account], host: str, *, port: int | Sequence[int], clients: int
) -> load.Result:
    """Every account's second step once; all of Twostep's must be accepted.

    The peer may answer 500 where its workers wait too long for SQLite's lock: such answers count as
    slow as they were, and are told to whoever watches.
    """
    requests = [account.code_request(host) for account in accounts]
    result = uvloop.run(load.run(requests, port=port, clients=clients))
    failed = len(accounts) - result.statuses[302] - result.statuses[303]
    if failed and isinstance(accounts[0], peer.Account):
        print(f"{peer.NAME} refused {failed} of {len(accounts)}", file=sys.stderr)
    else:
        assert not failed, result.statuses
    return result


def _bare_round(accounts: range, port: int) -> load.Result:
    requests = [bare_step.request(number, host=f"localhost:{port}") for number in accounts]
    result = uvloop.run(load.run(requests, port=port, clients=CLIENTS))
    assert result.statuses[303] == len(accounts), result.statuses
    return result


def _median(results: Sequence[load.Result]) -> float:
    return sorted(result.rate for result in results)[len(results) // 2]


def _say_crowd(ours: list[load.Result], peers: list[load.Result]) -> None:
    rate, beside = _median(ours), _median(peers)
    say(
        "P1",
        f"second step, SQLite, {CLIENTS} clients",
        rate,
        "/s",
        ratio=rate / beside,
        against=f"{peer.NAME} {beside:.0f}/s",
        target=TARGET,
        met=rate >= 2000 and rate >= 8 * beside,
    )
    say("P1", f"{peer.NAME}: second step, {CLIENTS} clients", beside, "/s")
    p99, theirs = load.join(ours).percentile(0.99), load.join(peers).percentile(0.99)
    say(
        "P1",
        f"second step, SQLite, {CLIENTS} clients, p99",
        p99,
        "ms",
        ratio=p99 / theirs,
        against=f"{peer.NAME} {theirs:.0f} ms",
        target="40 ms",
        met=p99 <= 40,
    )
    say("P1", f"{peer.NAME}: second step, {CLIENTS} clients, p99", theirs, "ms")


def on_postgres(folder: Path) -> None:
    """P2: the same on PostgreSQL that keeps what it has committed, by as many processes as cores."""
    with postgres.durable(folder / "pg") as server:
        ports = [free_port(), free_port()]
        config = install(folder / "ours", ports[0], database_url=server.new_database(empty=True))
        with serving_all(config, ports) as servers:
            count = OURS * ROUNDS // 2
            mine = seed(
                config, folder, "--accounts", str(count), "--sessions", str(count), "--half"
            )
            size, results = count // ROUNDS, []
            for number in range(ROUNDS):
                part = mine[number * size :][:size]
                results.append(_round(part, servers[0].host, port=ports, clients=CLIENTS))
            account = seed(config, folder, "--accounts", "1", "--sessions", "2", "--half")[0]
            trips = postgres.trips_of(config, servers[0].host, account)
        rate, p99 = _median(results), load.join(results).percentile(0.99)
        say(
            "P2",
            f"second step, PostgreSQL, {CLIENTS} clients",
            rate,
            "/s",
            target="aim 1,000/s, floor 600/s",
            met=rate >= 1000,
        )
        say("P2", f"second step, PostgreSQL, {CLIENTS} clients, p99", p99, "ms")
        say(
            "P2", "second step, PostgreSQL, round trips", trips, "trips", target="6", met=trips <= 6
        )


def code_again(folder: Path) -> None:
    """P1: one code posted ten times in the same moment, from ten sessions that wait for it."""
    port = free_port()
    config = install(folder / "ours", port)
    with (
        serving(serve_command(config, port), port) as server,
        peer.running(folder / "peer") as other,
    ):
        mine = seed(config, folder, "--accounts", "1", "--sessions", str(POSTED_AGAIN), "--half")[0]
        theirs = other.seed(1, half=POSTED_AGAIN)[0]
        host, their = server.host, other.server
        ours = asyncio.run(
            _accepted(
                [mine.code_request(host, session=number) for number in range(POSTED_AGAIN)],
                "twostep", host=host, port=port,
            )
        )  # fmt: skip
        beside = asyncio.run(
            _accepted(
                [theirs.code_request(their.host, session=n) for n in range(POSTED_AGAIN)],
                "sessionid", host=their.host, port=their.port,
            )
        )  # fmt: skip
    what = f"one code posted {POSTED_AGAIN} times at once, accepted"
    say("P1", what, ours, "times", against=f"{peer.NAME} {beside}", target="1", met=ours == 1)
    say("P1", f"{peer.NAME}: {what}", beside, "times")


async def _accepted(requests: list[bytes], name: str, *, host: str, port: int) -> int:
    """How many of the answers opened a session that is really full."""
    pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in requests]
    answers = await asyncio.gather(
        *(load.ask(*pair, request) for pair, request in zip(pairs, requests, strict=True))
    )
    full = 0
    for head, _ in answers:
        match = re.search(rf"set-cookie:\s*{name}=([^;]+)", head, re.IGNORECASE)
        if match:
            cookie = f"{name}={match.group(1)}"
            session_head, _ = await load.ask(
                *pairs[0], load.get("/api/session", host=host, cookie=cookie)
            )
            full += session_head.startswith("HTTP/1.1 200")
    for _, writer in pairs:
        writer.close()
    return full


MEASURES: dict[str, tuple[Callable[[Path], None], ...]] = {
    "P1": (second_step, code_again),
    "P2": (on_postgres,),
}
