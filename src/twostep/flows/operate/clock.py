"""Whether this machine's clock is right: codes of apps are counted in time."""

from __future__ import annotations

from collections.abc import Callable

from twostep.flows.operate.time_server import NoTime, Offset, ask_time, read_source


async def compare_clock(source: str, *, instant: Callable[[], float]) -> Offset | NoTime:
    """Compare the clock with a time server, `HOST[:PORT]`. ValueError where that is none."""
    return await ask_time(read_source(source), instant=instant)
