"""Processes that send, as operators run them: two beside each other, and one whose first provider is
dead."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.cli.conftest import environment
from tests.support import processes
from tests.support.fake_provider import answer, fake_provider, hanging, replying
from tests.support.house import House
from tests.support.installed import inside, install, serving
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.waiting import PATIENCE_SECONDS
from twostep.core.messages.channel import Channel
from twostep.core.methods.out_of_band import Purpose
from twostep.flows.messages.numbers import open_number
from twostep.flows.messages.queue_message import _new_challenge, queue_message
from twostep.flows.sign_in.complete import SignedIn
from twostep.flows.turn import Turn
from twostep.store.messages import outbox
from twostep.store.methods import challenges, phones


SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
ROWS = 500
DUE_SECONDS = 4  # from when they are queued: both processes are up by then
ANSWER_SECONDS = 1
FAILOVER_SECONDS = 5
GOOD = replying(answer(202, {"id": "theirs"}))
# The command refuses SQLite, where the server sends; two servers on one file are what it forbids.
WORKER = """
import sys
from twostep import main
from twostep.__main__ import WIRING, run
main.database_file = lambda _settings: None
sys.exit(run(["worker"], WIRING))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder for an installation, and the address of its database; empty: a file in the folder."""
    if request.param == "sqlite":
        yield tmp_path, ""
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database(empty=True)
    yield tmp_path, url
    server.drop_database(url)


async def enrol(house: House) -> tuple[str, SignedIn]:
    """A backup phone's id, and a half session of its owner."""
    await house.add("alice")
    _, signed_in = await house.add_app(await house.sign_in())
    phone_id = await house.add_phone(signed_in)
    return phone_id, await house.sign_in()


def _queue(turn: Turn, phone_id: str, half: SignedIn) -> None:
    """Codes to one phone, more than the limits would let anybody ask for."""
    account_id = half.session.account_id
    phone = phones.load(turn.tx, phone_id, account_id=account_id)
    assert phone is not None
    for _ in range(ROWS):
        challenge = _new_challenge(
            turn, half.session, phone=phone, channel=Channel.SMS, purpose=Purpose.SIGN_IN,
            expires_at=turn.now + 600,
        )  # fmt: skip
        challenges.insert(turn.tx, challenge)
        e164 = open_number(turn.env, phone)
        queue_message(turn, challenge, phone=phone, e164=e164)
    for row in outbox.list_of_attempt(turn.tx, half.session.id, since=0):
        outbox.postpone(turn.tx, row.id, next_at=turn.now + DUE_SECONDS, reason="")


@asynccontextmanager
async def worker(
    folder: Path, environ: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    with (folder / "worker.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, cwd=folder, env={**environment(), **environ}, stderr=log
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def _states(house: House, session_id: str) -> Counter[str]:
    rows = house.env.store.read_now(outbox.list_of_attempt, session_id, since=0)
    return Counter(row.state for row in rows)


def test_two_workers_send_each_of_five_hundred_once(installed: tuple[Path, str]) -> None:
    folder, database = installed

    async def run() -> None:
        async with fake_provider(GOOD) as fake, AsyncExitStack() as stack:
            environ = {
                "TWOSTEP_WEBHOOK__URL": f"{fake.url}/send",
                "TWOSTEP_WEBHOOK__SECRET": SECRET,
            }
            if database:
                environ["TWOSTEP_DATABASE_URL"] = database
            environ = await asyncio.to_thread(install, folder, "http://localhost:8099", **environ)
            house = await stack.enter_async_context(inside(folder, environ))
            phone_id, half = await enrol(house)
            await house.settle()
            await house.by().do(_queue, phone_id, half)
            both = [await stack.enter_async_context(worker(folder, environ)) for _ in range(2)]
            async with asyncio.timeout(PATIENCE_SECONDS):
                # Other processes write it down, and tell nobody here.
                while _states(house, half.session.id)["queued"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            assert _states(house, half.session.id) == {"accepted": ROWS}
            assert [worker.returncode for worker in both] == [None, None]
            sent = Counter(json.loads(taken.body)["id"] for taken in fake.taken)
            assert len(sent) == ROWS
            assert set(sent.values()) == {1}
            assert len({json.loads(taken.body)["code"] for taken in fake.taken}) > ROWS // 2

    asyncio.run(run())


@contextmanager
def refusing() -> Iterator[str]:
    """Nobody listens there."""
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def not_answering() -> Iterator[str]:
    """A machine that takes no connection, as behind a firewall that drops everything."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(2):  # its queue holds one, and one more
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield f"http://127.0.0.1:{full.getsockname()[1]}"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """An installation with a phone: its folder, the phone's id, and its owner's half session."""
    folder = tmp_path_factory.mktemp("prepared")
    environ = install(folder, "http://localhost:8099", TWOSTEP_DELIVERY__SMS="console")

    async def run() -> tuple[Path, str, str]:
        async with inside(folder, environ) as house:
            phone_id, half = await enrol(house)
            await house.settle()
            return folder, phone_id, half.token

    return asyncio.run(run())


async def time_failover(
    prepared: tuple[Path, str, str], folder: Path, first: str
) -> tuple[float, float]:
    """Seconds from asking for a code to the page's answer, and to its arrival at the second
    provider: without those in which other work on the machine had the processors."""
    made, phone_id, token = prepared
    shutil.copytree(made, folder, dirs_exist_ok=True)
    port = free_port()
    url = f"http://localhost:{port}"
    async with fake_provider(GOOD) as second:
        environ = {
            "TWOSTEP_PUBLIC_URL": url,
            "TWOSTEP_DELIVERY__SMS": "kannel,webhook",
            "TWOSTEP_KANNEL__URL": first,
            "TWOSTEP_KANNEL__USER": "panel",
            "TWOSTEP_KANNEL__PASSWORD": "hush",
            "TWOSTEP_WEBHOOK__URL": f"{second.url}/send",
            "TWOSTEP_WEBHOOK__SECRET": SECRET,
        }
        server = serving(folder, port, environ)
        process = await asyncio.to_thread(server.__enter__)

        def now() -> float:
            starved = [processes.starved_seconds(pid) for pid in (process.pid, os.getpid())]
            return time.monotonic() - sum(starved)

        try:
            began = now()
            async with httpx2.AsyncClient(
                timeout=PATIENCE_SECONDS, trust_env=False, cookies={"twostep": token}
            ) as client:
                asked = await client.post(
                    f"{url}/sign-in/send",
                    data={"method": phone_id, "channel": "sms"},
                    headers={"origin": url},
                )
                answered = now() - began
                assert asked.status_code == 303, asked.text
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await second.asked.wait()
                return answered, now() - began
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)


@pytest.mark.parametrize("dead", ["refuses", "drops", "hangs", "breaks"])
def test_a_text_leaves_through_the_second_within_five_seconds_of_asking(
    prepared: tuple[Path, str, str], tmp_path: Path, dead: str
) -> None:
    async def run() -> tuple[float, float]:
        async with AsyncExitStack() as stack:
            if dead == "refuses":
                first = stack.enter_context(refusing())
            elif dead == "drops":
                first = stack.enter_context(not_answering())
            elif dead == "hangs":  # before it has said who it is, so nothing was given to it
                fake = await stack.enter_async_context(fake_provider(hanging))
                first = fake.url.replace("http:", "https:")
            else:
                broken = replying(answer(500, b"Internal Server Error"))
                first = (await stack.enter_async_context(fake_provider(broken))).url
            return await time_failover(prepared, tmp_path, first)

    answered, arrived = asyncio.run(run())
    assert answered < ANSWER_SECONDS, "the page waited for the provider"
    assert arrived < FAILOVER_SECONDS
