"""What every flow receives: settings, keys, store, hash pool, clock, and who is asking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

from twostep.config import Settings
from twostep.core.audit.event import CLI, SYSTEM, Source
from twostep.core.sealing import Keyring
from twostep.core.sign_in.password import Profile
from twostep.core.sign_in.session import SessionLimits
from twostep.delivery.port import Callbacks
from twostep.flows.capped_log import CappedLog
from twostep.flows.counters import Counters
from twostep.flows.event_log import EventLog
from twostep.flows.hash_pool import HashPool
from twostep.flows.keys import Keys
from twostep.store.tx import Store


@dataclass(frozen=True, slots=True)
class Env:
    """The product's parts, wired by `main.py`.

    `clock`: Unix seconds, read once per request. `wake_outbox`: signals that messages are queued;
    called only after a commit. `callbacks`: providers that report back, by name. `event_log`: None logs
    no events. `keys` may change while serving, so flows read `keyring` every time. `root_path`: prefix of every page's path when
    the panel is mounted below another site.
    `demo_accounts`: names and well-known passwords, which only the demo shows.
    """

    settings: Settings
    keys: Keys
    store: Store
    hashes: HashPool
    profile: Profile
    clock: Callable[[], int]
    wake_outbox: Callable[[], None]
    callbacks: Mapping[str, Callbacks] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    capped_log: CappedLog = field(default_factory=CappedLog)
    event_log: EventLog | None = None
    root_path: str = ""
    demo_accounts: tuple[tuple[str, str], ...] = ()

    @property
    def keyring(self) -> Keyring:
        """The current keys."""
        return self.keys.ring

    @property
    def limits(self) -> SessionLimits:
        """Idle and total lifetime of full sessions."""
        session = self.settings.session
        return _limits(session.idle_minutes, session.total_hours)

    @property
    def site_url(self) -> str:
        """The panel's public address: origin plus root path."""
        return self.settings.public_url + self.root_path

    @property
    def public_host(self) -> str:
        """The host shown in the address bar, without a port."""
        return urlsplit(self.settings.public_url).hostname or "localhost"


@cache  # used by every request
def _limits(idle_minutes: int, total_hours: int) -> SessionLimits:
    return SessionLimits(idle_minutes * 60, total_hours * 3600)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is asking: network (IPv4 address or IPv6 /64), browser name and cookie values.

    `session_token`, `browser_token`, `remember_token`: cookies of the session, known browser and
    remembered browser; empty if absent. `language`: of the page. `asked_language`, `time_zone`: what the
    browser says about itself; empty if it says nothing usable. `actor`, `request_id`: as in `Source`.
    """

    network: str
    browser: str
    session_token: str = field(default="", repr=False)
    browser_token: str = field(default="", repr=False)
    remember_token: str = field(default="", repr=False)
    language: str = "en"
    asked_language: str = ""
    time_zone: str = ""
    actor: str = "self"
    request_id: str = ""

    @property
    def source(self) -> Source:
        """The source of this visitor's events."""
        return Source(self.actor, self.network, self.browser, self.request_id)


NOBODY = Visitor("", "", actor=SYSTEM.actor)
SHELL = Visitor("", "", actor=CLI.actor)
