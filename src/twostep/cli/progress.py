"""A bar on a terminal for what takes long."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twostep.cli.shell import say


WIDTH = 40


@contextmanager
def progress() -> Iterator[Callable[[int, int], None]]:
    """A function to be told what is done and of how many; silent where no terminal is."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return

    def report(done: int, total: int) -> None:
        filled = WIDTH * done // total if total else WIDTH
        bar = "#" * filled + "." * (WIDTH - filled)
        print(f"\r[{bar}] {done} of {total}", end="", file=sys.stderr, flush=True)

    try:
        yield report
    finally:
        say("")
