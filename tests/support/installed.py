"""A real installation as operators run it: `twostep init`, then `twostep serve` in a process."""

from __future__ import annotations

import asyncio
import datetime as dt
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cli.conftest import PASSWORD, SECONDS, call, environment
from tests.support.house import Clock, House
from twostep.config import load
from twostep.core.messages.channel import Channel
from twostep.delivery.console import Console, Inbox
from twostep.flows.messages.outbox import Outbox
from twostep.main import open_product, system_clock


USER = "root"
HOST = "panel.example.com"  # Chromium under test finds it on this machine
COMMAND = (sys.executable, "-m", "twostep")
# The same program, whose codes are said beforehand: an ear's grammar is tuned to known digits.
KNOWN_CODES = """
import sys
from twostep.__main__ import WIRING, run
from twostep.core.methods import out_of_band
codes = iter(sys.argv.pop(1).split(","))
out_of_band.new_code = lambda: next(codes)
sys.exit(run(sys.argv[1:], WIRING))
"""


def install(folder: Path, public_url: str, **settings: str) -> dict[str, str]:
    """Make one whose first account is `root`; what its processes find in their environment."""
    environ = {"TWOSTEP_POLICY__REQUIRE_TWO_STEP": "none", **settings}
    made = call(
        folder,
        *("init", "--yes", "--public-url", public_url, "--data-dir", "data", "--countries", "US"),
        *("--panel-name", "Example Panel", "--operator", USER, "--email", "root@example.com"),
        "--password-stdin",
        typed=f"{PASSWORD}\n",
        **environ,
    )
    assert made.code == 0, made.err
    config = folder / "twostep.toml"
    # Relative, so that a copy of the folder is an installation of its own.
    config.write_text(config.read_text().replace(str(folder / "data"), "data"))
    return environ


@contextmanager
def serving(
    folder: Path,
    port: int,
    environ: Mapping[str, str],
    *,
    tls: bool = False,
    codes: tuple[str, ...] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """Serve it. `codes`: those of its texts and calls, in this order; none: random ones."""
    command = [*COMMAND]
    if codes:
        command = [sys.executable, "-c", KNOWN_CODES, ",".join(codes)]
    command += ["serve", "--port", str(port)]
    if tls:
        write_certificate(folder)
        command += ["--tls-cert", "cert.pem", "--tls-key", "key.pem"]
    said = folder / "serve.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**environment(), **environ}, stderr=log
        )
        try:
            _wait(process, said)
            yield process
        finally:
            process.kill()
            process.wait(SECONDS)


def _wait(process: subprocess.Popen[bytes], said: Path) -> None:
    """Until it says that it is ready."""
    deadline = time.monotonic() + SECONDS
    while b'"serve.ready"' not in said.read_bytes():
        assert process.poll() is None, said.read_text(encoding="utf-8")
        assert time.monotonic() < deadline, said.read_text(encoding="utf-8")
        time.sleep(0.05)


def write_certificate(folder: Path) -> None:
    """Write a certificate for `HOST` that nobody else signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    today = dt.datetime.now(dt.UTC)  # noqa: TID251 - the certificate's own dates
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@asynccontextmanager
async def inside(folder: Path, environ: Mapping[str, str]) -> AsyncIterator[House]:
    """Walk through its flows in this process, as the command line would beside its server.

    What is due then arrives in the house's own inbox. The clock is the machine's, and stands still.
    """
    settings = load(folder / "twostep.toml", environ={**environment(), **environ}, overrides={})
    inbox = Inbox()
    console = Console(inbox)
    outbox = Outbox({kind: [console] for kind in Channel})
    clock = Clock(now=system_clock())
    async with open_product(settings, {}, clock=clock) as product:
        env = replace(product.env, wake_outbox=outbox.wake)
        worker = asyncio.create_task(outbox.run(env))
        try:
            yield House(env, outbox, inbox, clock)
        finally:
            worker.cancel()
            await asyncio.gather(worker, return_exceptions=True)
            await outbox.drain()
