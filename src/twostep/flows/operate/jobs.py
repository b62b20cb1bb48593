"""What goes on beside the requests, for as long as the product is open.

When a job ends, whoever opened the product is called, to end it too: a panel that looks well while
nobody deletes, signs or sends any more is worse than one that its supervisor starts again.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import structlog

from twostep.core.outage import StoreUnavailable
from twostep.flows.audit.checkpoint import checkpoint_all, run_checkpoints
from twostep.flows.env import Env
from twostep.flows.messages.outbox import Outbox
from twostep.flows.operate.purge import run_purge
from twostep.flows.recovery.waiting_job import run_recoveries
from twostep.flows.turn import by_system


GRACEFUL_SECONDS = 2.5

log = structlog.get_logger(__name__)


class WorkEnded(Exception):
    """A job ended that should have outlived everything; the text is for the operator."""


class Works:
    """The jobs of one product. Use from one event loop.

    `stop`: called once, with the first job that ends by itself; the process may have more in it than
    this product, so it is not ours to end.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._tasks: list[asyncio.Task[None]] = []
        self._ended: list[str] = []
        self._closing = False

    def start(self, env: Env, outbox: Outbox) -> None:
        """Begin."""
        self._tasks = [
            self._begin("outbox", outbox.run(env)),
            self._begin("purge", run_purge(env)),
            self._begin("checkpoints", run_checkpoints(env)),
            self._begin("recoveries", run_recoveries(env)),
            self._begin("listen", env.store.listen(outbox.wake)),
        ]

    async def close(self, env: Env, outbox: Outbox) -> None:
        """End every job, hand over what is being sent, and sign once more."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # Tasks too, so that what goes wrong in one keeps neither the other nor the store from closing.
        await asyncio.wait([self._begin("outbox", outbox.stop(env, seconds=GRACEFUL_SECONDS))])
        if self._tasks and "checkpoints" not in self._ended:
            await asyncio.wait([self._begin("checkpoints", _sign(env))])

    def review(self) -> None:
        """Raise `WorkEnded` if something has failed that should not."""
        if self._ended:
            jobs = ", ".join(dict.fromkeys(self._ended))
            raise WorkEnded(
                f"Stopped, because this ended with an error: {jobs}."
                " The log says why, under work.ended."
            )

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._look)
        return task

    def _look(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:  # on SQLite nobody announces anything, so nobody listens
            return
        log.critical(
            "work.ended",
            job=task.get_name(),
            error=type(error).__name__,
            # The first line: a database quotes values in those below.
            text=str(error).partition("\n")[0],
            trace=[f"{one.name}:{one.lineno}" for one in traceback.extract_tb(error.__traceback__)],
        )
        self._ended.append(task.get_name())
        if not self._closing and len(self._ended) == 1:
            self._stop()


async def _sign(env: Env) -> None:
    with suppress(StoreUnavailable):
        await checkpoint_all(by_system(env))
