"""Load at a pace of its own, whatever the answers do: people do not wait for each other.

Latency counts from the moment a request was due, so a server that stalls cannot hide it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from bench import load


TIMEOUT = 0  # the status of a request that was not answered
TIMEOUT_SECONDS = 10.0


@dataclass
class Stream:
    """Requests of one kind. `rate`: so many a second; `first`: the first address they come from.

    `addresses`: how many of them, one after the other.
    """

    requests: Sequence[bytes]
    rate: float
    port: int
    first: int = 0
    addresses: int = 16


async def run(*streams: Stream) -> list[load.Result]:
    """Send every stream's requests at its pace, all streams at the same time."""
    return list(await asyncio.gather(*(_send(stream) for stream in streams)))


async def _send(stream: Stream) -> load.Result:
    result = load.Result()
    idle: list[deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = [
        deque() for _ in range(stream.addresses)
    ]
    started = time.perf_counter()
    tasks = []
    for number, request in enumerate(stream.requests):
        due = started + number / stream.rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        place = number % stream.addresses
        tasks.append(
            asyncio.create_task(
                _one(request, due, idle[place], result, stream, load.address(stream.first + place))
            )
        )
    await asyncio.gather(*tasks)
    result.seconds = time.perf_counter() - started
    for connections in idle:
        for _, writer in connections:
            writer.close()
    return result


async def _one(
    request: bytes,
    due: float,
    idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]],
    result: load.Result,
    stream: Stream,
    local: tuple[str, int],
) -> None:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            pair = (
                idle.popleft()
                if idle
                else await asyncio.open_connection("127.0.0.1", stream.port, local_addr=local)
            )
            head, _ = await load.ask(*pair, request)
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        result.statuses[TIMEOUT] += 1
        result.latencies.append(time.perf_counter() - due)
        return
    result.latencies.append(time.perf_counter() - due)
    result.statuses[int(head[9:12])] += 1
    if "connection: close" in head.lower():
        pair[1].close()
    else:
        idle.append(pair)
