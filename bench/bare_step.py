"""The bare work of a second step: open the secret, compare three codes, burn the step durably.

    python -m bench.bare_step PORT DATABASE ACCOUNTS

A raw ASGI application on the same server with the same settings as Twostep's, with the same group
commit; no session, no throttle, no event, no page. What Twostep adds to this is its own work.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import sqlite3
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from bench import load
from twostep.core.methods import totp


NAME = "bare work"
Send = Callable[[dict[str, object]], Awaitable[None]]


def secret_of(account: int) -> bytes:
    """Known to both sides, so that nothing has to be handed over."""
    return hashlib.sha1(str(account).encode()).digest()


def request(account: int, *, host: str) -> bytes:
    """One account's second step."""
    return load.post(f"/{account}", f"code={totp.at(secret_of(account), _step())}", host=host)


def _step() -> int:
    return int(time.time()) // 30


class Burner:
    """Burns steps, everything that waits in one commit."""

    def __init__(self, path: str, accounts: int) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self.cipher = AESGCM(AESGCM.generate_key(256))
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(
            "CREATE TABLE apps (id INTEGER PRIMARY KEY, secret BLOB, last_step INTEGER)"
        )
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO apps VALUES (?, ?, -1)", ((n, self._seal(n)) for n in range(accounts))
        )
        self._db.execute("COMMIT")
        self._queue: deque[tuple[int, int, asyncio.Future[bool]]] = deque()
        self._thread = ThreadPoolExecutor(1)
        self._task: asyncio.Task[None] | None = None

    def _seal(self, account: int) -> bytes:
        nonce = os.urandom(12)
        return nonce + self.cipher.encrypt(nonce, secret_of(account), None)

    def load_secret(self, account: int) -> bytes:
        """Read and open."""
        ((sealed,),) = self._db.execute(
            "SELECT secret FROM apps WHERE id = ?", (account,)
        ).fetchall()
        return self.cipher.decrypt(sealed[:12], sealed[12:], None)

    async def burn(self, account: int, step: int) -> bool:
        """Whether the step was still good; after its commit."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()
        self._queue.append((account, step, answer))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._write())
        return await answer

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            batch, self._queue = list(self._queue), deque()
            self._db.execute("BEGIN IMMEDIATE")
            counts = [
                self._db.execute(
                    "UPDATE apps SET last_step = ? WHERE id = ? AND last_step < ?",
                    (step, account, step),
                ).rowcount
                for account, step, _ in batch
            ]
            await loop.run_in_executor(self._thread, self._db.execute, "COMMIT")
            for (_, _, answer), count in zip(batch, counts, strict=True):
                answer.set_result(count == 1)


def serve(port: int, path: str, accounts: int) -> None:
    """Until it is stopped."""
    import uvicorn

    burner = Burner(path, accounts)

    async def app(
        scope: dict[str, str], receive: Callable[[], Awaitable[dict[str, bytes]]], send: Send
    ) -> None:
        status = 200
        if scope["method"] == "POST":
            typed = (await receive())["body"].partition(b"=")[2].decode()
            account, now = int(scope["path"][1:]), _step()
            secret = burner.load_secret(account)
            right = [
                step
                for step in (now - 1, now, now + 1)
                if hmac.compare_digest(totp.at(secret, step), typed)
            ]
            status = 303 if right and await burner.burn(account, right[0]) else 422
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-length", b"0")],
            }
        )
        await send({"type": "http.response.body", "body": b""})

    uvicorn.run(
        app, host="127.0.0.1", port=port, log_config=None, access_log=False, http="httptools",
        loop="uvloop", lifespan="off", server_header=False, proxy_headers=False,
    )  # fmt: skip


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
