"""P4: both steps of a sign-in, against Argon2 alone and the peer."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

import uvloop

from bench import bare, load, peer
from bench.results import say
from bench.serving import Seeded, Serving, free_port, install, seed, serve_command, serving
from bench.size import many


CLIENTS = 16
OURS, THEIRS = many(600), many(48)
Ask = Callable[[bytes], Awaitable[str]]
Person = TypeVar("Person")


def full_sign_in(folder: Path) -> None:
    """Sign in from password to full session, each from a known browser."""
    port = free_port()
    config = install(folder / "ours", port)
    accounts = seed(config, folder, "--accounts", str(OURS))
    cores = os.cpu_count() or 1
    with serving(serve_command(config, port), port) as server:
        limit, hash_seconds = bare.argon2_rate(threads=cores)
        before = server.cpu_by_thread()
        seconds = uvloop.run(_all(accounts, server, _ours))
        after = server.cpu_by_thread()
    rate = len(accounts) / seconds
    spent = sorted(now - before.get(thread, 0.0) for thread, now in after.items())
    # As many threads hash as there are cores, and nothing else takes nearly as long.
    outside = 1000 * sum(spent[:-cores]) / len(accounts)
    hashing = 1000 * sum(spent[-cores:]) / len(accounts)
    with peer.running(folder / "peer") as other:
        theirs = THEIRS / uvloop.run(_all(other.seed(THEIRS), other.server, _theirs))
    say(
        "P4",
        f"full sign-in, {CLIENTS} clients",
        rate,
        "/s",
        ratio=rate / limit,
        against=f"Argon2 alone {limit:.0f}/s",
        target="0.8 of Argon2 alone",
        met=rate / limit >= 0.8,
    )
    say(
        "P4",
        "full sign-in, CPU outside the hash",
        outside,
        "ms CPU",
        target="2 ms",
        met=outside <= 2,
    )
    say(
        "P4",
        "full sign-in, CPU of the hash",
        hashing,
        "ms CPU",
        ratio=hashing / (1000 * hash_seconds),
        against=f"Argon2 alone {1000 * hash_seconds:.1f} ms",
    )
    say("P4", "bare work: Argon2 hashes", limit, "/s")
    say("P4", f"{peer.NAME}: full sign-in, {CLIENTS} clients", theirs, "/s")
    say(
        "P4",
        f"full sign-in, {CLIENTS} clients, against the peer's own hash",
        rate,
        "/s",
        ratio=rate / theirs,
        against=f"{peer.NAME} {theirs:.1f}/s, PBKDF2",
    )


async def _all(
    accounts: Sequence[Person],
    server: Serving,
    sign_in: Callable[[Person, str, Ask], Awaitable[None]],
) -> float:
    """Sign every account in; the seconds it took."""
    source = iter(accounts)
    started = time.perf_counter()

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, local_addr=load.address(number)
        )

        async def ask(request: bytes) -> str:
            head, _ = await load.ask(reader, writer, request)
            return head

        for account in source:
            await sign_in(account, server.host, ask)
        writer.close()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return time.perf_counter() - started


async def _ours(account: Seeded, host: str, ask: Ask) -> None:
    body = urlencode({"username": account.name, "password": account.password})
    cookie = f"twostep-browser={account.browser}"
    head = await ask(load.post("/sign-in", body, host=host, cookie=cookie))
    match = re.search(r"set-cookie: twostep=([^;]+)", head, re.IGNORECASE)
    assert match, head[:200]
    half = Seeded(
        account.name, account.password, account.secret, account.browser, (match.group(1),)
    )
    head = await ask(half.code_request(host))
    assert head.startswith("HTTP/1.1 303"), head[:200]


async def _theirs(account: peer.Account, host: str, ask: Ask) -> None:
    head = await ask(account.password_request(host))
    match = re.search(r"set-cookie:\s*sessionid=([^;]+)", head, re.IGNORECASE)
    assert match, head[:200]
    head = await ask(account.code_of(host, match.group(1)))
    assert head.startswith("HTTP/1.1 302"), head[:200]


MEASURES: dict[str, tuple[Callable[[Path], None], ...]] = {"P4": (full_sign_in,)}
