"""The server starts, answers, and ends when it is told to."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.conftest import ROOT, SECONDS, call, environment
from tests.support.ports import free_port


@contextmanager
def serving(
    folder: Path, port: int, *options: str, **settings: str
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "twostep", "serve", "--port", str(port), *options],
        cwd=folder,
        env={**environment(), "TWOSTEP_PUBLIC_URL": f"http://localhost:{port}", **settings},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if json.loads(line)["event"] == "serve.ready":
                break
        yield process
    finally:
        process.kill()
        process.wait(SECONDS)
        process.stderr.close()


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("localhost", port, timeout=SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_it_serves_and_a_stop_signal_ends_it_cleanly(folder):
    port = free_port()
    with serving(folder, port) as process:
        assert get(port, "/healthz") == (200, b"ok\n")
        assert get(port, "/readyz")[0] == 200
        assert get(port, "/_demo/messages")[0] == 404
        # The command line may write while the server runs.
        added = call(
            folder,
            *("user", "add", "bob", "--email", "b@example.com", "--password-stdin"),
            typed="correct horse battery 9",
        )
        assert added.code == 0, added.err
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
        assert process.stderr is not None
        events = [json.loads(line)["event"] for line in process.stderr]
        assert events[-1] == "serve.stopped"


def test_a_port_that_is_taken_is_said_in_one_line(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = call(folder, "serve", "--port", str(port), TWOSTEP_LOG_LEVEL="error")
    assert result.code == 75
    assert result.err == (
        f"twostep: Port {port} on 127.0.0.1 cannot be used: Address already in use."
        " Choose another with --port.\n"
    )


def test_certificates_are_read_before_the_server_starts(folder):
    quiet = {"TWOSTEP_LOG_LEVEL": "error"}
    half = call(folder, "serve", "--tls-cert", "cert.pem", **quiet)
    assert (half.code, half.err) == (
        2,
        "twostep: Give both --tls-cert and --tls-key, or neither.\n",
    )
    pair = ("--tls-cert", "cert.pem", "--tls-key", "key.pem")
    missing = call(folder, "serve", *pair, **quiet)
    assert (missing.code, "cert.pem or key.pem cannot be read" in missing.err) == (2, True)
    (folder / "cert.pem").write_text("no certificate")
    (folder / "key.pem").write_text("no key")
    broken = call(folder, "serve", *pair, **quiet)
    assert (broken.code, "are no certificate with its key" in broken.err) == (2, True)


def test_a_file_of_places_needs_a_library(folder):
    """In a process of its own, where the library cannot be found."""
    hidden = (
        "import sys; sys.modules['maxminddb'] = None; from twostep.__main__ import main; main()"
    )
    settings = {"TWOSTEP_GEO_DATABASE": str(folder / "places.mmdb")}
    result = subprocess.run(
        [sys.executable, "-c", hidden, "serve", "--port", str(free_port())],
        cwd=folder, env={**environment(), **settings}, capture_output=True, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert re.fullmatch(
        "twostep: geo_database needs a library that is not installed."
        f" Run: (sudo )?make -C {ROOT} setup EXTRAS=geo",
        result.stderr.splitlines()[-1],
    )
    assert "Traceback" not in result.stderr


# Each takes long to import, and no start needs it: some are for one verb, one provider or one page.
NOT_AT_THE_START = (
    *("aiosmtplib", "alembic", "dotenv", "httpx2", "maxminddb", "opentelemetry"),
    *("phonenumbers.geocoder", "prometheus_client", "psycopg", "pydantic_settings", "smtplib"),
    *("sqlalchemy", "twostep.demo", "webauthn"),
)
LOOK_WHEN_READY = """
import gc, json, os, signal, sys
from dataclasses import replace
from twostep.__main__ import WIRING, run

async def serve(reader, *, ready, **where):
    early = gc.isenabled()
    def look():
        ready()
        print(json.dumps([early, gc.isenabled(), list(sys.modules)]))
        os.kill(os.getpid(), signal.SIGTERM)
    await WIRING.serve(reader, ready=look, **where)

sys.exit(run(sys.argv[1:], replace(WIRING, serve=serve)))
"""


def test_what_a_start_does_not_need_is_not_imported_by_it(folder):
    result = subprocess.run(
        [sys.executable, "-c", LOOK_WHEN_READY, "serve", "--port", str(free_port())],
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=SECONDS, check=True,
    )  # fmt: skip
    collected_early, collects, modules = json.loads(result.stdout)
    assert {"twostep.web.routes", "uvicorn"} <= set(modules)  # it was the whole start
    assert [name for name in NOT_AT_THE_START if name in modules] == []
    # The garbage collector waits for the start, and not a moment longer.
    assert (collected_early, collects) == (False, True)
