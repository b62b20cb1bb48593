"""P9: what a flood of passwords does to those who are signed in, or nearly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlencode

import uvloop

from bench import load, pace, peer
from bench.results import say
from bench.serving import Seeded, Serving, free_port, install, seed, serve_command, serving
from bench.size import many


FLOOD_RATE = 200
STEP_RATE, CHECK_RATE, PAGE_RATE = 50, 200, 50
SECONDS, PAGE_SECONDS = many(20), many(10)
NETWORKS = 1000
PEER_STEP_RATE, PEER_CHECK_RATE, PEER_SECONDS = 5, 50, many(10)


def flood(folder: Path) -> None:
    """200 wrong passwords a second from a thousand networks; second steps and session checks go on
    beside them at a steady pace."""
    port = free_port()
    config = install(folder / "ours", port)
    checked = seed(config, folder, "--accounts", "200", "--sessions", "200")
    with serving(serve_command(config, port), port) as server:
        steps = STEP_RATE * SECONDS
        halves = seed(config, folder, "--accounts", str(steps), "--sessions", str(steps), "--half")
        checks = [
            load.get("/api/session", host=server.host, cookie=account.cookie(account.sessions[0]))
            for account in checked
        ] * (CHECK_RATE * SECONDS // len(checked))
        guesses = _guesses(checked, server, seconds=SECONDS)
        flooded, step, check = uvloop.run(
            pace.run(
                pace.Stream(guesses, FLOOD_RATE, port, first=1000, addresses=NETWORKS),
                pace.Stream(
                    [account.code_request(server.host) for account in halves], STEP_RATE, port
                ),
                pace.Stream(checks, CHECK_RATE, port, first=300),
            )
        )
        page = _page_in_a_flood(config, folder, server)
    assert step.statuses[303] == steps, step.statuses
    assert check.statuses[200] == len(checks), check.statuses
    step_p99, check_p99 = step.percentile(0.99), check.percentile(0.99)
    with peer.running(folder / "peer") as other:
        their_step, their_check = _their(other)
    say(
        "P9",
        f"second step, p99 in a flood of {FLOOD_RATE} passwords/s",
        step_p99,
        "ms",
        ratio=step_p99 / their_step,
        against=f"{peer.NAME} {their_step:.0f} ms",
        target="50 ms",
        met=step_p99 <= 50,
    )
    say(
        "P9",
        f"session check, p99 in a flood of {FLOOD_RATE} passwords/s",
        check_p99,
        "ms",
        ratio=check_p99 / their_check,
        against=f"{peer.NAME} {their_check:.0f} ms",
        target="20 ms",
        met=check_p99 <= 20,
    )
    say("P9", f"Account security, p99 in a flood of {FLOOD_RATE} passwords/s", page, "ms")
    say("P9", f"{peer.NAME}: second step, p99 in the same flood", their_step, "ms")
    say("P9", f"{peer.NAME}: session check, p99 in the same flood", their_check, "ms")
    refused = flooded.statuses[503] + flooded.statuses[429]
    looked_at = flooded.statuses[422]
    lost = len(guesses) - refused - looked_at
    say("P9", "flood turned away with 503 or 429", 100 * refused / len(guesses), "%")
    say(
        "P9",
        "flood not answered in time, or otherwise",
        lost,
        "requests",
        target="0",
        met=lost == 0,
    )


def _guesses(accounts: Sequence[Seeded], server: Serving, *, seconds: int) -> list[bytes]:
    """Wrong passwords for so long, over all accounts in turn."""
    count = FLOOD_RATE * seconds
    return [
        load.post(
            "/sign-in",
            urlencode({"username": account.name, "password": f"guess {number}"}),
            host=server.host,
        )
        for number, account in enumerate(islice(cycle(accounts), count))
    ]


def _page_in_a_flood(config: Path, folder: Path, server: Serving) -> float:
    """p99 in milliseconds of a page for people who are signed in, in a flood of its own, on names
    that nothing waits for yet."""
    accounts = seed(config, folder, "--accounts", "200", "--sessions", "200")
    views = [
        load.get("/settings/security", host=server.host, cookie=account.cookie(account.sessions[0]))
        for account in islice(cycle(accounts), PAGE_RATE * PAGE_SECONDS)
    ]
    guesses = _guesses(accounts, server, seconds=PAGE_SECONDS)
    _, page = uvloop.run(
        pace.run(
            pace.Stream(guesses, FLOOD_RATE, server.port, first=3000, addresses=NETWORKS),
            pace.Stream(views, PAGE_RATE, server.port, first=600),
        )
    )
    assert page.statuses[200] == len(views), page.statuses
    return page.percentile(0.99)


def _their(other: peer.Peer) -> tuple[float, float]:
    """p99 of second step and session check at the peer, at a pace it can keep when it is quiet."""
    server: Serving = other.server
    steps = other.seed(PEER_STEP_RATE * PEER_SECONDS, half=1)
    signed_in = other.seed(50, full=1)
    checks = [
        load.get("/api/session", host=server.host, cookie=account.cookie(account.sessions[0]))
        for account in signed_in
    ] * (PEER_CHECK_RATE * PEER_SECONDS // 50)
    guesses = [
        peer.form(
            peer.LOGIN, "login_view", "auth",
            {"auth-username": account.name, "auth-password": f"guess {number}"},
            host=server.host, cookie=f"csrftoken={peer.CSRF}",
        )
        for number, account in enumerate((signed_in * FLOOD_RATE)[: FLOOD_RATE * PEER_SECONDS])
    ]  # fmt: skip
    port = server.port
    _, step, check = uvloop.run(
        pace.run(
            pace.Stream(guesses, FLOOD_RATE, port, first=1000, addresses=NETWORKS),
            pace.Stream(
                [account.code_request(server.host) for account in steps], PEER_STEP_RATE, port
            ),
            pace.Stream(checks, PEER_CHECK_RATE, port, first=300),
        )
    )
    return step.percentile(0.99), check.percentile(0.99)


MEASURES: dict[str, tuple[Callable[[Path], None], ...]] = {"P9": (flood,)}
