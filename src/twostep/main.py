"""Wires everything, top to bottom: settings → keys → store → flows → web; `serving` adds
carriers and server.

The web is imported where it is built, because the command line does not need it.
"""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from twostep.catalogue import CatalogueUnusable
from twostep.config import Settings
from twostep.core.messages.channel import Channel
from twostep.core.outage import DatabaseMisconfigured, StoreUnavailable
from twostep.core.sealing import Keyring
from twostep.core.sign_in.password import PROFILES, dummy_hash
from twostep.delivery.port import Carrier
from twostep.flows.audit.tags import tag_vouched
from twostep.flows.counters import Counters, MeteredStore
from twostep.flows.env import Env
from twostep.flows.event_log import EventLog
from twostep.flows.hash_pool import HashPool
from twostep.flows.keys import open_keys
from twostep.flows.messages.outbox import Outbox
from twostep.flows.operate.jobs import Jobs
from twostep.flows.operate.missing_keys import require_keys
from twostep.flows.places import NO_READER, lacks_reader
from twostep.i18n import load_languages
from twostep.logs import system_logger
from twostep.store import installation
from twostep.store.engine import address, schema
from twostep.store.engine import open as engines
from twostep.store.tx import Store
from twostep.tracing import Tracing, Untraced


if TYPE_CHECKING:
    from twostep.web.door.app import WebApp
    from twostep.web.visit import Page


class StartError(Exception):
    """The product cannot start; the text says why and what to do."""


def system_clock() -> int:
    """Unix seconds. Nothing else reads the machine's clock."""
    return int(time.time())  # noqa: TID251


# ── keys ────────────────────────────────────────────────────────────────────────────────────────


def load_keyring(settings: Settings) -> Keyring:
    """Read the keys from the environment, a command or the key file. Raises `KeysUnreadable`."""
    return open_keys(settings).ring


# ── store ───────────────────────────────────────────────────────────────────────────────────────


def database_file(settings: Settings) -> Path | None:
    """The SQLite file, or None for another engine."""
    return address.sqlite_path(settings.database_url.get_secret_value())


def database_path(settings: Settings) -> Path:
    """The SQLite file. Raises `StartError` for another engine."""
    path = database_file(settings)
    if path is None:
        raise StartError("database_url: SQLite is needed here: sqlite:///PATH")
    return path


def database_name(settings: Settings) -> str:
    """The database as shown to people: the SQLite file, or name and host without the password."""
    return address.describe(settings.database_url.get_secret_value())


def upgrade_schema(settings: Settings) -> None:
    """Bring the database's schema up to date. Raises `StartError` and `StoreUnavailable`."""
    name, path = database_name(settings), database_file(settings)
    if path is not None and os.path.exists(path):  # noqa: PTH110  False in a closed folder
        _require_writable(path)
    try:
        engines.upgrade(settings.database_url.get_secret_value())
    except (OSError, DatabaseMisconfigured, schema.SchemaMismatch) as error:
        raise StartError(f"The database {name} cannot be upgraded: {error}") from None
    except StoreUnavailable as error:
        raise StoreUnavailable(f"The database {name} cannot be upgraded: {error}") from None


def _require_writable(path: Path) -> None:
    with suppress(PermissionError):  # a closed folder: the next check says so
        if not path.exists():
            raise StartError(f"The database {path} does not exist. Run: twostep db upgrade")
    if not all(os.access(place, os.W_OK, effective_ids=True) for place in (path, path.parent)):
        raise StartError(
            f"The database {path} cannot be written by this user, or its folder cannot."
            f" Run: chown -R {getpass.getuser()} {path.parent}"
        )


def open_store(settings: Settings, *, demo: bool = False, by_command: bool = False) -> Store:
    """Open the database; blocks. Raises `StartError` and `StoreUnavailable`.

    `demo`: this is the demo, which opens only a demo's database. `by_command`: this is the command
    line, which may open a demo's database as well, but only with the demo's own settings: their
    public address must match the one the demo recorded.
    """
    url = settings.database_url.get_secret_value()
    name = address.describe(url)
    if path := address.sqlite_path(url):
        _require_writable(path)
    try:
        store = engines.open_engine(url, connections=settings.database_connections)
        engines.review(store)
        demo_url = store.read_now(installation.load, installation.DEMO)
    except DatabaseMisconfigured as error:
        raise StartError(str(error)) from None
    except engines.UNUSABLE as error:
        raise StartError(f"{name}: {error}") from None
    if demo and demo_url is None:
        raise StartError(f"{name} is not a demo's database: twostep demo leaves it alone.")
    if demo_url is not None and not (demo or (by_command and demo_url == settings.public_url)):
        raise StartError(
            f"{name} is a demo's database: only twostep demo serves it, and commands need the"
            " twostep.toml beside it."
        )
    return store


# ── flows ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Product:
    """The running parts."""

    env: Env
    outbox: Outbox


def _require_usable(settings: Settings, *, working: bool) -> None:
    """Raise `StartError` if a page or message would lack a library or its language."""
    if working and lacks_reader(settings):
        raise StartError(NO_READER)
    try:
        load_languages(settings.data_dir / "locale", default=settings.default_language)
    except CatalogueUnusable as error:
        raise StartError(str(error)) from None


def _open_event_log(settings: Settings, *, by_command: bool) -> EventLog:
    logger = system_logger(settings.syslog_socket) if by_command else None
    return EventLog(networks=settings.log_networks, logger=logger)


async def _prepare(env: Env) -> None:
    """Do what would otherwise hold up the first request."""
    dummy_hash(env.profile)
    await tag_vouched(env)


@asynccontextmanager
async def open_product(
    settings: Settings,
    carriers: Mapping[Channel, Sequence[Carrier]],
    *,
    stop: Callable[[], None] | None = None,
    clock: Callable[[], int] = system_clock,
    demo: bool = False,
    tracing: Tracing | None = None,
) -> AsyncIterator[Product]:
    """Open all parts, and close them at the end. `stop`: run the background jobs, and call this if one
    fails; closing then raises `WorkEnded`. None, as for the command line: no jobs, and any keys."""
    tracing = tracing or Untraced()
    _require_usable(settings, working=stop is not None)
    keys = open_keys(settings)
    store = open_store(settings, demo=demo, by_command=stop is None)
    if stop is not None:
        require_keys(settings, keys, store)
    outbox, counters, hashing = Outbox(carriers), Counters(), settings.password

    def wake() -> None:
        outbox.wake()
        store.announce()

    env = Env(
        settings=settings,
        keys=keys,
        store=tracing.store(MeteredStore(store, counters) if settings.metrics.is_on else store),
        hashes=HashPool(threads=hashing.threads, places=hashing.places, around=tracing.hash),
        profile=PROFILES[hashing.profile],
        clock=clock,
        wake_outbox=wake,
        counters=counters,
        event_log=_open_event_log(settings, by_command=stop is None),
    )
    await _prepare(env)
    jobs = Jobs(stop or (lambda: None))
    if stop is not None:
        jobs.start(env, outbox)
    try:
        yield Product(env, outbox)
    finally:
        await jobs.close(env, outbox)
        env.hashes.close()
        await env.store.close()
    jobs.require_running()


# ── web ─────────────────────────────────────────────────────────────────────────────────────────


def build_app(
    env: Env,
    *,
    extra: Sequence[Page] = (),
    also_at: Sequence[str] = (),
    refuse_forwarded: bool = False,
    unchecked: str = "",
) -> WebApp:
    """Build the web application. The demo adds pages, further origins it is reached at, and the two
    exceptions that `WebApp` explains."""
    from twostep.web.door.app import WebApp  # noqa: PLC0415
    from twostep.web.door.origin import hosts_of  # noqa: PLC0415
    from twostep.web.routes import PAGES  # noqa: PLC0415

    origins = {env.settings.public_url, *also_at}
    return WebApp(
        env,
        [*PAGES, *extra],
        hosts=hosts_of(origins),
        origins=origins,
        refuse_forwarded=refuse_forwarded,
        unchecked=unchecked,
    )
