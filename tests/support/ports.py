"""Ports for the programs that tests start."""

from __future__ import annotations

import secrets
import socket
from contextlib import ExitStack


# Below the ports that the system gives to connections: one of those may take a port between here and
# the moment when the program listens.
FIRST, COUNT = 15_000, 17_000

_kept = ExitStack()


def free_port() -> int:
    """A port that nobody listens on, and that no other test gets as long as this process runs.

    Tests run side by side, and their programs need a while to begin. The port is kept for them in
    UDP, which none of them speaks, so that it stays free in TCP.
    """
    while True:
        port = FIRST + secrets.randbelow(COUNT)
        with ExitStack() as stack:
            try:
                stack.enter_context(_bound(port, socket.SOCK_DGRAM))
                _bound(port, socket.SOCK_STREAM).close()
            except OSError:
                continue
            _kept.push(stack.pop_all())
            return port


def _bound(port: int, kind: socket.SocketKind) -> socket.socket:
    bound = socket.socket(type=kind)
    try:
        bound.bind(("", port))
    except OSError:
        bound.close()
        raise
    return bound
