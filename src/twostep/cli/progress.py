"""A progress bar for long commands on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twostep.cli.shell import print_note


WIDTH = 40


@contextmanager
def progress() -> Iterator[Callable[[int, int], None]]:
    """A function to report how many are done, and the total; silent without a terminal."""
    if not sys.stderr.isatty():
        yield lambda _count, _total: None
        return

    def report(count: int, total: int) -> None:
        filled = WIDTH * count // total if total else WIDTH
        bar = "#" * filled + "." * (WIDTH - filled)
        print(f"\r[{bar}] {count} of {total}", end="", file=sys.stderr, flush=True)

    try:
        yield report
    finally:
        print_note("")
