"""Waiting for what happens by itself, on a machine that may have other work.

The limits here end a test that would hang. They say nothing about how fast anything is.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator


PATIENCE_SECONDS = 120


def wait_until(
    what: str, is_so: Callable[[], object], *, seconds: float = PATIENCE_SECONDS
) -> float:
    """Ask again and again until it is so; how long that took. `what`: is wrong if it never is."""
    start = time.monotonic()
    while not is_so():
        assert time.monotonic() < start + seconds, what
        time.sleep(0.02)
    return time.monotonic() - start


def wait_for_port(process: subprocess.Popen[bytes], port: int) -> None:
    """Until a program listens on a port of 127.0.0.1; at once wrong if it ends before."""

    def listens() -> bool:
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS).close()
        except ConnectionRefusedError:
            return False
        return True

    wait_until(f"{process.args!r} does not listen on {port}", listens)


def longer_and_longer(seconds: float) -> Iterator[float]:
    """Limits to try one after the other, for what has to begin before its limit is over: the first
    is quick, the last is enough for any machine."""
    while seconds < PATIENCE_SECONDS:
        yield seconds
        seconds *= 4
