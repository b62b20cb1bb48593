"""An outbox's worker in a process of its own, to be killed: `python -m tests.support.outbox_process`.

Stops at one point and says so on standard output; what comes after that point never happens.
"""

from __future__ import annotations

import asyncio
import pickle
import sys
import time
from pathlib import Path

import httpx2

from twostep.config import load
from twostep.core.messages.channel import Channel
from twostep.core.sign_in.password import PROFILES
from twostep.delivery.carriers.webhook import Webhook, WebhookReceiver
from twostep.flows.env import Env
from twostep.flows.hash_pool import HashPool
from twostep.flows.keys import Keys
from twostep.flows.messages import outbox as deliver
from twostep.flows.messages.outbox import Outbox
from twostep.store.engine.sqlite import SqliteStore
from twostep.store.messages import outbox as stored


SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
POINTS = ("before_claim", "after_claim", "after_write", "before_mark", "none")


def stop_here(*_given: object, **_named: object) -> None:
    """Say so, and do nothing more."""
    sys.stdout.write("here\n")
    sys.stdout.flush()
    time.sleep(600)


def arm(point: str) -> None:
    """Make the worker stop at that point; after the request is written, the provider stops it."""
    if point == "before_claim":
        stored.claim_due = stop_here
    elif point == "after_claim":
        deliver.compose = stop_here
    elif point == "before_mark":
        deliver.save_result = stop_here


async def main(folder: Path, url: str, now: int, point: str) -> None:
    """Send until killed."""
    arm(point)
    overrides = {"public_url": "https://panel.example.com", "data_dir": str(folder),
                 "webhook.url": f"{url}/send", "webhook.secret": SECRET}  # fmt: skip
    async with httpx2.AsyncClient() as client:
        channel = Webhook(WebhookReceiver(f"{url}/send", SECRET), client)
        outbox = Outbox({Channel.SMS: [channel]})
        env = Env(
            settings=load(None, environ={}, overrides=overrides),
            keys=Keys(pickle.loads((folder / "keys").read_bytes())),  # noqa: S301  the test's own
            store=SqliteStore(folder / "twostep.sqlite3"),
            hashes=HashPool(),
            profile=PROFILES["test"],
            clock=lambda: now,
            wake_outbox=outbox.wake,
        )
        await outbox.run(env)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]))
