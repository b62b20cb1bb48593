"""The program `twostep`: hands the command line what it may not import itself, and runs it.

Everything is imported on use: `twostep --help` needs neither database nor server.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from twostep.cli.app import run
from twostep.cli.wiring import Wiring


if TYPE_CHECKING:
    from twostep.config import Settings, SettingsReader
    from twostep.core.sealing import Keyring
    from twostep.flows.env import Env


def main() -> None:
    """Run the program."""
    os.umask(0o077)  # database, keys and exports are for their owner only
    sys.exit(run(sys.argv[1:], WIRING))


@asynccontextmanager
async def _open_env(settings: Settings, *, any_keys: bool = False) -> AsyncIterator[Env]:
    from twostep.flows.audit.checkpoint import sign_changed
    from twostep.flows.operate.missing_keys import require_keys
    from twostep.main import open_product

    async with open_product(settings, {}) as product:
        if not any_keys:
            require_keys(settings, product.env.keys, product.env.store)
        yield product.env
        if not any_keys:
            await sign_changed(product.env)


def _clock() -> int:
    from twostep.main import system_clock

    return system_clock()


def _load_keyring(settings: Settings) -> Keyring:
    from twostep.main import load_keyring

    return load_keyring(settings)


def _database(settings: Settings) -> str:
    from twostep.main import database_name

    return database_name(settings)


def _database_file(settings: Settings) -> Path | None:
    from twostep.main import database_file

    return database_file(settings)


def _upgrade(settings: Settings) -> None:
    from twostep.main import upgrade_schema

    upgrade_schema(settings)


async def _serve(
    reader: SettingsReader,
    *,
    host: str,
    port: int,
    tls: tuple[Path, Path] | None,
    ready: Callable[[], None],
) -> None:
    from twostep.serving import serve

    await serve(reader, host=host, port=port, tls=tls, ready=ready)


async def _worker(reader: SettingsReader, *, ready: Callable[[], None]) -> None:
    from twostep.serving import run_worker

    await run_worker(reader, ready=ready)


async def _demo(*, port: int, data_dir: Path | None, sets: Sequence[str]) -> int:
    from twostep.demo import run_demo

    return await run_demo(port=port, data_dir=data_dir, sets=list(sets))


def _stops() -> tuple[type[Exception], ...]:
    from twostep.config import ConfigError
    from twostep.flows.keys import KeysUnreadable
    from twostep.main import StartError
    from twostep.server import TlsUnusable
    from twostep.tracing import TracingUnavailable

    lasting = (ConfigError, StartError, KeysUnreadable, TlsUnusable, TracingUnavailable)
    return (*lasting, *_outages())


def _outages() -> tuple[type[Exception], ...]:
    from twostep.core.outage import StoreUnavailable
    from twostep.flows.keys import KeysAway
    from twostep.server import PortTaken

    return (StoreUnavailable, KeysAway, PortTaken)


WIRING = Wiring(
    clock=_clock,
    open_env=_open_env,
    load_keyring=_load_keyring,
    database=_database,
    database_file=_database_file,
    upgrade=_upgrade,
    serve=_serve,
    worker=_worker,
    demo=_demo,
    operator_errors=_stops,
    outages=_outages,
)

if __name__ == "__main__":
    main()
