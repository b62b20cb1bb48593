"""SMPP through a message centre that others wrote (npm's `smpp`)."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.fake_provider import CALL, NOW, TEXT
from tests.support.npm import need
from twostep.core.methods.out_of_band import SendState
from twostep.delivery.carriers.smpp import MessageCentre, Smpp, read_binding
from twostep.delivery.channel import (
    Accepted,
    Ambiguous,
    Failure,
    Misconfigured,
    Permanent,
    Reporting,
    StatusReport,
    Temporary,
    Throttled,
)


PASSWORD = "hush"


@dataclass
class Centre:
    port: int
    seen: asyncio.Queue[dict[str, object]]


@asynccontextmanager
async def open_centre() -> AsyncIterator[Centre]:
    place = need("smpp")
    process = await asyncio.create_subprocess_exec(
        "node",
        str(Path(__file__).with_name("smsc.js")),
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "NODE_PATH": str(place / "node_modules")},
    )
    assert process.stdout is not None
    output = process.stdout
    centre = Centre(int(await output.readline()), asyncio.Queue())

    async def read() -> None:
        while line := await output.readline():
            centre.seen.put_nowait(json.loads(line))

    reading = asyncio.create_task(read())
    try:
        yield centre
    finally:
        process.terminate()
        await process.wait()
        await reading


def channel(centre: Centre, *, password: str = PASSWORD, sender: str = "Panel") -> Smpp:
    return Smpp(MessageCentre("127.0.0.1", centre.port, "panel", password, sender))


def to(last: str, **more: object) -> object:
    return replace(TEXT, to=f"+1202555{last}", id=f"out-{last}", **more)


def test_texts_leave_in_the_right_alphabet_and_are_reported_delivered() -> None:
    async def run() -> None:
        async with open_centre() as centre:
            smpp = channel(centre)
            assert isinstance(smpp, Reporting)
            reports: asyncio.Queue[StatusReport] = asyncio.Queue()
            smpp.report_to(reports.put)
            assert await smpp.send(to("0100"), now=NOW) == Accepted("m-1")
            latin = await centre.seen.get()
            assert latin["text"] == TEXT.text
            assert (latin["to"], latin["from"], latin["receipt"]) == ("12025550100", "Panel", 1)
            assert latin["coding"] == 0
            assert latin["validity"]
            assert await reports.get() == StatusReport("out-0100", SendState.DELIVERED)
            arabic = to("0101", text="رمزك 482915\n\n@panel.example.org #482915")
            assert await smpp.send(arabic, now=NOW) == Accepted("m-1")
            wide = await centre.seen.get()
            assert (wide["text"], wide["coding"]) == (arabic.text, 8)
            await smpp.close()

    asyncio.run(run())


def test_the_error_table_is_the_command_status() -> None:
    async def run() -> None:
        async with open_centre() as centre:
            smpp = channel(centre, sender="+12025550199")
            assert await smpp.send(to("0150"), now=NOW) == Permanent(Failure.UNUSABLE)
            assert isinstance(await smpp.send(to("0151"), now=NOW), Throttled)
            assert isinstance(await smpp.send(to("0152"), now=NOW), Temporary)
            assert isinstance(await smpp.send(to("0153"), now=NOW), Misconfigured)
            assert isinstance(await smpp.send(CALL, now=NOW), Misconfigured)
            await smpp.close()

    asyncio.run(run())


def test_an_answer_that_does_not_come_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twostep.delivery.carriers.smpp.SEND_SECONDS", 4.5)

    async def run() -> None:
        async with open_centre() as centre:
            smpp = channel(centre)
            assert isinstance(await smpp.send(to("0154"), now=NOW), Ambiguous)
            # The line still works, and what timed out is not sent again.
            assert await smpp.send(to("0100"), now=NOW) == Accepted("m-1")
            assert [(await centre.seen.get())["to"] for _ in range(2)] == [
                "12025550154",
                "12025550100",
            ]
            assert centre.seen.empty()
            await smpp.close()

    asyncio.run(run())


def test_without_a_line_it_is_temporary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twostep.delivery.carriers.smpp.BIND_SECONDS", 0.3)

    async def run() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            nobody = Centre(probe.getsockname()[1], asyncio.Queue())
        smpp = channel(nobody)
        assert isinstance(await smpp.send(to("0100"), now=NOW), Temporary)
        await smpp.close()

    asyncio.run(run())


def test_a_wrong_password_is_for_the_operator_and_said_at_once() -> None:
    async def run() -> None:
        async with open_centre() as centre:
            wrong = channel(centre, password="wrong")
            async with asyncio.timeout(2):
                for _ in range(2):
                    refused = await wrong.send(to("0100"), now=NOW)
                    assert isinstance(refused, Misconfigured)
                    assert "ESME_RBINDFAIL" in refused.detail
            await wrong.close()
            assert centre.seen.empty()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(0, None), (5, None), (0x0E, Misconfigured), (0x0F, Misconfigured), (0x53, Misconfigured),
     (0x08, Temporary), (0x58, Throttled), (0x4321, Misconfigured)],
)  # fmt: skip
def test_answers_to_a_binding(status: int, outcome: type | None) -> None:
    found = read_binding(status)
    assert found is None if outcome is None else isinstance(found, outcome)
