"""The bare limits that figures are compared with: Starlette alone, Argon2 alone.

python -m bench.bare PORT
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from twostep.core.sign_in.password import PROFILES, hash_password


def serve(port: int) -> None:
    """A Starlette application that says ok, on the same server with the same settings."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def ok(_request: Request) -> JSONResponse:
        return JSONResponse({"ok": True})

    app = Starlette(routes=[Route("/healthz", ok), Route("/api/session", ok)])
    uvicorn.run(
        app, host="127.0.0.1", port=port, log_config=None, access_log=False, http="httptools",
        loop="uvloop", lifespan="off", server_header=False, proxy_headers=False,
    )  # fmt: skip


def argon2_rate(*, threads: int, seconds: float = 4.0) -> tuple[float, float]:
    """Hashes a second with the default profile on `threads` threads, and CPU seconds of each."""
    profile = PROFILES["default"]
    until = time.perf_counter() + seconds

    def work() -> int:
        count = 0
        while time.perf_counter() < until:
            hash_password("a quiet evening by the lake", profile=profile)
            count += 1
        return count

    before = time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        hashes = sum(pool.map(lambda _: work(), range(threads)))
    return hashes / seconds, (time.process_time() - before) / hashes


if __name__ == "__main__":
    serve(int(sys.argv[1]))
