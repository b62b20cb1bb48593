"""P3: the session check, against a bare Starlette and the peer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import uvloop

from bench import load, peer, postgres
from bench.results import say
from bench.serving import Seeded, free_port, install, seed, serve_command, serving, serving_all
from bench.size import many


ROUNDS = 3
CLIENTS = 64
CHECKS = many(50_000)
PEER_CHECKS = many(1500)
ACCOUNTS = 200


def on_sqlite(folder: Path) -> None:
    """GET /api/session with a full session: Starlette alone, the peer and Twostep in turn."""
    port, bare_port = free_port(), free_port()
    config = install(folder / "ours", port)
    accounts = seed(config, folder, "--accounts", str(ACCOUNTS), "--sessions", str(ACCOUNTS))
    ours, bare, theirs = [], [], []
    with (
        serving(serve_command(config, port), port) as server,
        serving([sys.executable, "-m", "bench.bare", str(bare_port)], bare_port),
        peer.running(folder / "peer") as other,
    ):
        requests = _requests(accounts, server.host, CHECKS)
        signed_in = other.seed(ACCOUNTS, full=1)
        their = [
            load.get(
                "/api/session", host=other.server.host, cookie=account.cookie(account.sessions[0])
            )
            for account in signed_in
        ] * max(1, PEER_CHECKS // ACCOUNTS)
        for _ in range(ROUNDS):
            bare.append(_bare(bare_port))
            theirs.append(_round(their, other.server.port))
            ours.append(_round(requests, port))
    limit, beside = _median(bare), _median(theirs)
    _say("SQLite", ours, limit, share=0.5, floor=10_000)
    say("P3", "bare Starlette: session check", limit, "/s")
    say("P3", f"{peer.NAME}: session check", beside, "/s")
    rate = _median(ours)
    say(
        "P3",
        "session check, SQLite, against the peer",
        rate,
        "/s",
        ratio=rate / beside,
        against=f"{peer.NAME} {beside:.0f}/s",
    )


def on_postgres(folder: Path) -> None:
    """The same on PostgreSQL: one process against one bare Starlette, then two."""
    with postgres.durable(folder / "pg") as database, ExitStack() as stack:
        ports, bare_port = [free_port(), free_port()], free_port()
        config = install(folder / "ours", ports[0], database_url=database.new_database(empty=True))
        accounts = seed(config, folder, "--accounts", str(ACCOUNTS), "--sessions", str(ACCOUNTS))
        servers = stack.enter_context(serving_all(config, ports))
        stack.enter_context(
            serving([sys.executable, "-m", "bench.bare", str(bare_port)], bare_port)
        )
        requests = _requests(accounts, servers[0].host, CHECKS // 4)
        one_process, two_processes, bare = [], [], []
        for _ in range(ROUNDS):
            bare.append(_bare(bare_port))
            one_process.append(_round(requests, ports[0]))
            two_processes.append(_round(requests, ports))
    _say("PostgreSQL", one_process, _median(bare), share=0.2)
    say("P3", "session check, PostgreSQL, two processes", _median(two_processes), "/s")


def _requests(accounts: Sequence[Seeded], host: str, count: int) -> list[bytes]:
    return [
        load.get("/api/session", host=host, cookie=account.cookie(account.sessions[0]))
        for account in accounts
    ] * max(1, count // len(accounts))


def _bare(port: int) -> load.Result:
    return _round([load.get("/api/session", host=f"localhost:{port}")] * CHECKS, port)


def _round(requests: Sequence[bytes], port: int | Sequence[int]) -> load.Result:
    result = uvloop.run(load.run(requests, port=port, clients=CLIENTS))
    assert result.statuses[200] == len(requests), result.statuses
    return result


def _median(results: Sequence[load.Result]) -> float:
    return sorted(result.rate for result in results)[len(results) // 2]


def _say(
    engine: str, ours: list[load.Result], limit: float, *, share: float, floor: float = 0
) -> None:
    rate = _median(ours)
    target = f"{share:g} of bare Starlette" + (f" and {floor:,.0f}/s" if floor else "")
    say(
        "P3",
        f"session check, {engine}",
        rate,
        "/s",
        ratio=rate / limit,
        against=f"bare Starlette {limit:.0f}/s",
        target=target,
        met=rate >= floor and rate / limit >= share,
    )
    say("P3", f"session check, {engine}, p99", load.join(ours).percentile(0.99), "ms")


MEASURES: dict[str, tuple[Callable[[Path], None], ...]] = {"P3": (on_sqlite, on_postgres)}
