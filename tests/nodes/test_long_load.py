"""Half an hour of mixed work on two nodes: nothing grows, nothing fails.

TWOSTEP_SOAK_MINUTES makes it shorter.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import pytest

from tests.delivery.mail.test_smtp import Mailbox, running
from tests.support.crowd import Crowd, Person, new_ledgers
from tests.support.nodes import Node, install
from tests.support.postgres import PostgresServer
from tests.support.processes import memory_bytes


MINUTES = float(os.environ.get("TWOSTEP_SOAK_MINUTES", "30"))
PEOPLE = 8
# Caches fill, threads start, the allocator finds its size.
WARM_UP = 0.3
SAMPLE_SECONDS = 2.0
MOST_GROWTH = 1.05
ACCOUNTS_A_MINUTE = 600
PAUSE_SECONDS = 1.0
# The first sessions rest until the end, and are looked at then.
IDLE_MINUTES = int(MINUTES) + 60
TO_REVIEW = 200
PAGES = (
    "/", "/settings", "/settings/security", "/settings/sessions", "/settings/activity",
    "/settings/profile", "/help",
)  # fmt: skip


async def spend_an_evening(person: Person) -> None:
    """All that the crowd does, and what people do besides: look around, mistype, sign out."""
    stranger = person.window()
    await stranger.post("/sign-in", username=person.ledger.name, password="not it")
    await stranger.post("/forgot-password", username=f"nobody-{secrets.token_hex(4)}")
    await person.live()
    window = person.window()
    window.cookies["__Host-twostep"] = person.ledger.sessions[-1]
    for page in PAGES:
        await window.get(page)
        await window.get("/api/session")
    await window.post("/settings/profile", language="en", time_zone="Europe/Berlin")
    half = await person.half()
    await half.post("/sign-in/code", code="000000")
    await half.post("/sign-out")
    await asyncio.sleep(PAUSE_SECONDS)


async def watch(nodes: Sequence[Node], crowd: Crowd, seconds: float) -> list[list[int]]:
    """Each node's memory in bytes, now and again."""
    samples: list[list[int]] = [[] for _ in nodes]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(SAMPLE_SECONDS)
        for node, seen in zip(nodes, samples, strict=True):
            seen.append(memory_bytes(node.process.pid))
    crowd.stop.set()
    return samples


def growth(samples: Sequence[int]) -> float:
    """The last tenth to the tenth after the warm-up, by their medians."""
    start, tenth = int(len(samples) * WARM_UP), max(1, len(samples) // 10)
    return median(samples[-tenth:]) / median(samples[start : start + tenth])


@pytest.mark.soak
def test_half_an_hour_of_mixed_load(postgres: PostgresServer, tmp_path: Path) -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        mail = {"TWOSTEP_SMTP__HOST": "127.0.0.1", "TWOSTEP_SMTP__PORT": str(port),
                "TWOSTEP_SMTP__SECURITY": "none", "TWOSTEP_SMTP__FROM": "panel@example.org",
                "TWOSTEP_SESSION__IDLE_MINUTES": str(IDLE_MINUTES)}  # fmt: skip
        installed = install(tmp_path, postgres.new_database(), **mail)
        ledgers = new_ledgers(installed.seed(int(MINUTES * ACCOUNTS_A_MINUTE)))

        async def story(nodes: Sequence[Node]) -> list[list[int]]:
            samples, _ = await asyncio.gather(watch(nodes, crowd, MINUTES * 60), crowd.run(PEOPLE))
            assert (await crowd.review(most=TO_REVIEW))["sessions"] > 0
            return samples

        with installed.nodes(2) as nodes:
            crowd = Crowd([node.url for node in nodes], ledgers, life=spend_an_evening)
            samples = asyncio.run(story(nodes))
            faults = [fault for node in nodes for fault in node.faults()]
    growths = [round(growth(sample), 3) for sample in samples]
    size = [sample[-1] // 2**20 for sample in samples]
    figures = f"{crowd.tally.figures()}, {len(mailbox.mails)} mails, {size} MiB, growth {growths}"
    print(figures)  # noqa: T201  for whoever runs it with -rP
    assert not faults
    assert not [answer for answer in crowd.tally.answers if answer[1] >= 500]
    assert mailbox.mails
    assert max(growths) < MOST_GROWTH
    installed.verify_audit()
