"""Whether this machine's clock is right, and apps that refuse every code because it once was not.

Codes of apps are counted in time. A code that was taken while the clock was ahead burns every earlier
one, so after the clock was set right that app would refuse codes until then (security: single use).
"""

from __future__ import annotations

from collections.abc import Callable

from twostep.core import event
from twostep.core.totp import CLOCK_MOVED_BACK_STEPS
from twostep.delivery.time_source import NoTime, Offset, ask_time, read_source
from twostep.store import accounts, apps, audit
from twostep.store.tx import Tx


__all__ = ["NoTime", "Offset", "compare_clock", "count_ahead", "mend_clock"]


async def compare_clock(source: str, *, instant: Callable[[], float]) -> Offset | NoTime:
    """Compare the clock with a time server, `HOST[:PORT]`. ValueError where that is none."""
    return await ask_time(read_source(source), instant=instant)


def count_ahead(tx: Tx, *, now: int) -> int:
    """Count the apps that took a code which lies too far ahead of now."""
    return apps.count_ahead(tx, now=now, steps=CLOCK_MOVED_BACK_STEPS)


def mend_clock(tx: Tx, *, now: int, limit: int) -> int:
    """Let such apps take the next code from now on; how many were mended, `limit` at most.

    The clock must be right when this runs: codes after now, taken once already, can be taken again.
    """
    found = apps.list_ahead(tx, now=now, steps=CLOCK_MOVED_BACK_STEPS, limit=limit)
    for app in found:
        if accounts.lock(tx, app.account_id) is None:
            continue
        apps.move_step_back(tx, app.id, step=now // app.period_seconds)
        told = event.new_event(
            event.CLOCK_MENDED,
            method=f"app:{app.id}",
            ahead_seconds=app.last_step * app.period_seconds - now,
        )
        audit.append(tx, told, account_id=app.account_id, source=event.CLI, now=now)
    return len(found)
