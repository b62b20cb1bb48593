"""Power cuts: browsers of a live demo, and requests during which it is killed."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2 as httpx

from tests.support.live import LiveDemo


# From before the request arrives until after its answer has left.
LONGEST_LIFE_SECONDS = 0.02


@contextmanager
def window(demo: LiveDemo) -> Iterator[httpx.Client]:
    """A browser with cookies of its own."""
    headers = {"Origin": demo.url}
    with httpx.Client(base_url=demo.url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


def kill_during(
    demo: LiveDemo,
    chance: random.Random,
    request: Callable[[], httpx.Response],
    *,
    longest_seconds: float = LONGEST_LIFE_SECONDS,
) -> httpx.Response | None:
    """Send a request and cut the power meanwhile; its answer, if one came through."""
    answers: list[httpx.Response] = []

    def send() -> None:
        try:
            answers.append(request())
        except httpx.TransportError:
            return

    sending = threading.Thread(target=send)
    sending.start()
    time.sleep(chance.uniform(0, longest_seconds))
    demo.kill()
    sending.join()
    return answers[0] if answers else None
