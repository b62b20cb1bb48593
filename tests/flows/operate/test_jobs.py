"""A job that dies tells whoever opened the product, and leaves the process alone."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.support.house import new_database
from tests.support.waiting import wait_until
from twostep.config import Settings, load
from twostep.core.key_file import format_keyring
from twostep.core.sealing import Keyring, new_key
from twostep.flows.operate.jobs import JobFailed
from twostep.main import open_product


pytestmark = pytest.mark.sqlite_file  # nothing here asks which engine it is


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation with an empty database."""
    new_database(tmp_path)
    return load(
        None,
        environ={},
        overrides={
            "public_url": "https://panel.example.com",
            "data_dir": str(tmp_path),
            "key": format_keyring(Keyring((new_key(),))),
            "password.profile": "test",
        },
    )


def broken_clock() -> int:
    """No job can go on without the time."""
    raise LookupError("no time today")


def ended_jobs(logs: list[EventDict]) -> list[str]:
    """The jobs that the log says have ended."""
    return sorted(line["job"] for line in logs if line["event"] == "work.ended")


@pytest.fixture
def signals() -> Iterator[list[int]]:
    """Signals that the process gets: a host has its own idea of them."""
    got: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: got.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    yield got
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_host_is_called_and_gets_no_signal(settings: Settings, signals: list[int]) -> None:
    calls: list[str] = []

    async def host() -> None:
        over = asyncio.Event()

        def stop() -> None:
            calls.append("stop")
            over.set()

        async with open_product(settings, {}, stop=stop, clock=broken_clock) as product:
            await asyncio.wait_for(over.wait(), 20)
            # The host goes on for as long as it likes, and so does the rest of the product.
            await asyncio.to_thread(wait_until, "a job goes on", lambda: len(ended_jobs(logs)) == 2)
            assert product.env.store.schema_version()

    with capture_logs() as logs, pytest.raises(JobFailed, match=r"ended with an error: .*purge"):
        asyncio.run(host())
    assert calls == ["stop"]  # however many jobs end
    assert signals == []
    assert ended_jobs(logs) == ["checkpoints", "purge"]


def test_without_somebody_to_call_nothing_works_beside(settings: Settings) -> None:
    """As on the command line, which opens the product only to run one flow."""

    async def verb() -> None:
        async with open_product(settings, {}, clock=broken_clock):
            names = {task.get_name() for task in asyncio.all_tasks()}
            assert not names & {"checkpoints", "purge"}

    with capture_logs() as logs:
        asyncio.run(verb())
    assert [line for line in logs if line["log_level"] == "critical"] == []
