"""The sending process is killed at four points: a message is never lost, and never sent thrice."""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.fake_provider import FakeProvider, answer, fake_provider
from tests.support.house import open_house
from tests.support.waiting import PATIENCE_SECONDS
from twostep.core.methods.out_of_band import Purpose
from twostep.core.sealing import Keyring, new_key
from twostep.flows.messages.send_code import send_code
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.turn import Turn
from twostep.store.engine.sqlite import SqliteStore
from twostep.store.messages import outbox
from twostep.store.messages.outbox import OutboxRow


ROOT = Path(__file__).resolve().parents[2]
DUE_SECONDS = 5  # from when the message may leave
LEASE_SECONDS = 60


def _queue(turn: Turn, half: SignedIn, phone_id: str) -> str:
    """Ask for a code whose message waits for the process that is to be killed."""
    send_code(
        turn,
        half.session,
        purpose=Purpose.SIGN_IN,
        phone_id=phone_id,
        channel="sms",
    )
    row = outbox.list_of_attempt(turn.tx, half.session.id, since=0)[0]
    outbox.postpone(turn.tx, row.id, next_at=turn.now + DUE_SECONDS, reason="")
    return row.id


async def prepare(folder: Path) -> tuple[str, int]:
    """An installation with one code in the outbox: its id, and when it is due."""
    keyring = Keyring((new_key(),))
    (folder / "keys").write_bytes(pickle.dumps(keyring))
    async with open_house(folder, keyring=keyring) as house:
        await house.add()
        _, signed_in = await house.add_app(await house.sign_in())
        phone_id = await house.add_phone(signed_in)
        house.clock.forward(4000)
        half = await house.sign_in()
        row_id = await house.by(token=half.token).do(_queue, half, phone_id)
        return row_id, house.now + DUE_SECONDS


@asynccontextmanager
async def worker(
    folder: Path, fake: FakeProvider, *, now: int, point: str = "none"
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.outbox_process", str(folder), fake.url, str(now), point,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def load(folder: Path, row_id: str) -> OutboxRow:
    store = SqliteStore(folder / "twostep.sqlite3")
    row = store.read_now(outbox.load, row_id)
    await store.close()
    assert row is not None
    return row


async def kill_at(folder: Path, point: str) -> None:
    row_id, due_at = await prepare(folder)
    may_answer = asyncio.Event()
    if point != "after_write":
        may_answer.set()

    async def reply(writer: asyncio.StreamWriter) -> None:
        await may_answer.wait()
        writer.write(answer(202, {"id": "theirs"}))
        await writer.drain()

    async with fake_provider(reply) as fake, asyncio.timeout(PATIENCE_SECONDS):
        async with worker(folder, fake, now=due_at, point=point) as process:
            if point == "after_write":
                await fake.asked.wait()
            else:
                assert process.stdout is not None
                assert await process.stdout.readline() == b"here\n"
            process.kill()
            await process.wait()
        may_answer.set()
        assert (await load(folder, row_id)).state == "queued"
        async with worker(folder, fake, now=due_at + LEASE_SECONDS):
            # Another process writes it down, and tells nobody.
            while (await load(folder, row_id)).state == "queued":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert (await load(folder, row_id)).state == "accepted"
        copies = [json.loads(taken.body) for taken in fake.taken]
    assert 1 <= len(copies) <= 2
    assert len(copies) == (2 if point in {"after_write", "before_mark"} else 1)
    assert {copy["id"] for copy in copies} == {row_id}
    assert len({copy["code"] for copy in copies}) == 1


@pytest.mark.parametrize("point", ["before_claim", "after_claim", "after_write", "before_mark"])
def test_a_killed_worker_loses_nothing_and_sends_two_copies_at_most(
    tmp_path: Path, point: str
) -> None:
    asyncio.run(kill_at(tmp_path, point))
    assert (tmp_path / "twostep.sqlite3").exists()
