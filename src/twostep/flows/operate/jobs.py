"""Background jobs that run for as long as the product is open.

If a job fails, the code that opened the product is called back to stop it: a panel that looks healthy
while nothing is deleted, signed or sent is worse than one that its supervisor restarts.
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


class JobFailed(Exception):
    """A background job failed; the text is for the operator."""


class Jobs:
    """The jobs of one product. Use from one event loop.

    `stop`: called once, when the first job fails. The process may host more than this product, so it
    is not ours to end.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: list[str] = []
        self._closing = False

    def start(self, env: Env, outbox: Outbox) -> None:
        """Start every job."""
        self._tasks = [
            self._begin("outbox", outbox.run(env)),
            self._begin("purge", run_purge(env)),
            self._begin("checkpoints", run_checkpoints(env)),
            self._begin("recoveries", run_recoveries(env)),
            self._begin("listen", env.store.listen(outbox.wake)),
        ]

    async def close(self, env: Env, outbox: Outbox) -> None:
        """Stop every job, finish sends in progress and sign a last checkpoint."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # As tasks, so that a failure in one stops neither the other nor the store from closing.
        await asyncio.wait([self._begin("outbox", outbox.stop(env, seconds=GRACEFUL_SECONDS))])
        if env.event_log is not None:
            env.event_log.flush()
        if self._tasks and "checkpoints" not in self._failed:
            await asyncio.wait([self._begin("checkpoints", _sign(env))])

    def require_running(self) -> None:
        """Raise `JobFailed` if a job has failed."""
        if self._failed:
            jobs = ", ".join(dict.fromkeys(self._failed))
            raise JobFailed(
                f"Stopped, because this ended with an error: {jobs}."
                " The log says why, under work.ended."
            )

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._record_end)
        return task

    def _record_end(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:  # on SQLite `listen` returns at once
            return
        log.critical(
            "work.ended",
            job=task.get_name(),
            error=type(error).__name__,
            # Only the first line: databases quote values in the following ones.
            text=str(error).partition("\n")[0],
            trace=[
                f"{frame.name}:{frame.lineno}"
                for frame in traceback.extract_tb(error.__traceback__)
            ],
        )
        self._failed.append(task.get_name())
        if not self._closing and len(self._failed) == 1:
            self._stop()


async def _sign(env: Env) -> None:
    with suppress(StoreUnavailable):
        await checkpoint_all(by_system(env))
