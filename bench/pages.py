"""P5 and P6: what the wizard's page and Account security cost; P7: start and memory; PK: passkeys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import uvloop

from bench import inside, load, passkeys, peer
from bench.results import say
from bench.serving import Serving, free_port, install, seed, serve_command, serving
from bench.size import many


WARM, COUNT = many(50), many(600)
PEER_COUNT = many(100)
CHECKS = many(20_000)
STARTS = 5
WIZARD = "/settings/security/app/new"
SECURITY = "/settings/security"


def pages(folder: Path) -> None:
    """P5 to P7, on one installation."""
    port = free_port()
    config = install(folder / "ours", port)
    # 19 further events: with the account's own first one they make 20.
    account, *others = seed(
        config, folder, "--accounts", "50", "--sessions", "50", "--events", "950"
    )
    inside.for_each(config, [account], inside.add_apps)
    with serving(serve_command(config, port), port) as server:
        cookie = account.cookie(account.sessions[0])
        # Five apps are the most: the wizard is shown to somebody who has one.
        fresh = others[0].cookie(others[0].sessions[0])
        wizard, size = _cpu(server, [load.get(WIZARD, host=server.host, cookie=fresh)], COUNT)
        security, _ = _cpu(server, [load.get(SECURITY, host=server.host, cookie=cookie)], COUNT)
        checks = [
            load.get("/api/session", host=server.host, cookie=account.cookie(account.sessions[0]))
            for account in others
        ]
        uvloop.run(load.run(checks * max(1, CHECKS // len(checks)), port=port, clients=16))
        pss = server.pss_mb()[0]
    ready = median(_starts(config, port))
    with peer.running(folder / "peer") as other:
        theirs, their_size = _peer_wizard(other)
        workers = sorted(other.server.pss_mb(), reverse=True)[: peer.WORKERS]
    kb, their_kb = size / 1024, their_size / 1024
    say(
        "P5",
        "wizard's page with QR code",
        wizard,
        "ms CPU",
        ratio=wizard / theirs,
        against=f"{peer.NAME} {theirs:.1f} ms",
        target="5 ms",
        met=wizard <= 5,
    )
    say(
        "P5",
        "wizard's page with QR code, size",
        kb,
        "KB",
        ratio=kb / their_kb,
        against=f"{peer.NAME} {their_kb:.1f} KB",
        target="12 KB",
        met=kb <= 12,
    )
    say("P5", f"{peer.NAME}: wizard's page with QR code", theirs, "ms CPU")
    say("P5", f"{peer.NAME}: wizard's page with QR code, size", their_kb, "KB")
    say("P6", "Account security", security, "ms CPU", target="3 ms", met=security <= 3)
    say("P7", "serve, from start to first answer", ready, "s", target="1.0 s", met=ready <= 1)
    say(
        "P7",
        "memory of the server after load, PSS",
        pss,
        "MB",
        ratio=pss / sum(workers),
        against=f"{peer.NAME} {sum(workers):.0f} MB",
        target="120 MB",
        met=pss <= 120,
    )
    say("P7", f"{peer.NAME}: memory of two workers after load, PSS", sum(workers), "MB")


def _starts(config: Path, port: int) -> Iterator[float]:
    """Seconds from start to first answer, again and again."""
    for _ in range(STARTS):
        with serving(serve_command(config, port), port) as server:
            yield server.ready_seconds


def _cpu(server: Serving, requests: Sequence[bytes], count: int) -> tuple[float, int]:
    """CPU milliseconds that the server spends on a view of all `requests`, and the bytes of the
    last one's answer."""
    warm = uvloop.run(load.run(list(requests) * WARM, port=server.port, clients=1))
    assert set(warm.statuses) == {200}, warm.statuses
    before = server.cpu_seconds()
    result = uvloop.run(load.run(list(requests) * count, port=server.port, clients=1))
    return 1000 * (server.cpu_seconds() - before) / count, result.size


def _peer_wizard(other: peer.Peer) -> tuple[float, int]:
    """The same view there: the wizard's page and the picture that it shows."""
    account, server = other.seed(1, full=1, app=False)[0], other.server
    cookie = account.cookie(account.sessions[0])
    page = peer.form(peer.SETUP, "setup_view", "welcome", {}, host=server.host, cookie=cookie)
    picture = load.get(peer.QR, host=server.host, cookie=cookie)
    opened = uvloop.run(
        load.run(
            [load.get(peer.SETUP, host=server.host, cookie=cookie)], port=server.port, clients=1
        )
    )
    assert opened.statuses[200] == 1, opened.statuses
    cpu, size = _cpu(server, [page, picture], PEER_COUNT)
    whole = uvloop.run(load.run([page], port=server.port, clients=1))
    return cpu, size + whole.size


def passkey_answers(_folder: Path) -> None:
    """PK: answers of passkeys verified on one core, and the weight of their script."""
    for algorithm, name in ((-8, "Ed25519"), (-7, "ES256"), (-257, "RS256")):
        value = passkeys.assertions_a_second(algorithm)
        what = f"passkey answers verified, {name}, one core"
        say("PK", what, value, "/s", target="2,000/s", met=value >= 2000)
    weight = passkeys.script_bytes()
    say("PK", "the passkey script, gzipped", weight, "bytes", target="2,048", met=weight <= 2048)


MEASURES: dict[str, tuple[Callable[[Path], None], ...]] = {
    "P5": (pages,),
    "PK": (passkey_answers,),
}
