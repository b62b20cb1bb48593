"""What every flow is given: settings, keys, store, hash pool, clock; and who is asking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from twostep.config import Settings
from twostep.core.audit.event import CLI, SYSTEM, Source
from twostep.core.sealing import Keyring
from twostep.core.sign_in import session as sessions_core
from twostep.core.sign_in.password import Profile
from twostep.delivery.port import Callbacks
from twostep.flows.counters import Counters
from twostep.flows.hash_pool import HashPool
from twostep.flows.keys import Keys
from twostep.store.tx import Store


@dataclass(frozen=True, slots=True)
class Env:
    """The product's parts, wired by `main.py`.

    `clock`: Unix seconds, read once a request at the door. `wake_outbox`: messages are queued;
    called after commit only. `callbacks`: providers that report back, by name. `keys` may change
    while serving, so flows ask for `keyring` anew each time. `root_path`: what stands before the path
    of every page, where all of the panel lives below another site.
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
    root_path: str = ""

    @property
    def keyring(self) -> Keyring:
        """The keys as they are now."""
        return self.keys.ring

    @property
    def limits(self) -> sessions_core.SessionLimits:
        """Spans of full sessions."""
        session = self.settings.session
        return sessions_core.SessionLimits(session.idle_minutes * 60, session.total_hours * 3600)

    @property
    def site_url(self) -> str:
        """Where people find the panel: the origin, and the root path."""
        return self.settings.public_url + self.root_path

    @property
    def public_host(self) -> str:
        """The host that people see in the address bar, without a port."""
        return urlsplit(self.settings.public_url).hostname or "localhost"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks: the network (IPv4 address or IPv6 /64), the browser's name and its cookies' values.

    `session_token`, `browser_token`, `remember_token`: the cookies of the session, of known and of
    remembered browsers, empty when there is none. `actor`: as in `Source`.
    """

    network: str
    browser: str
    session_token: str = field(default="", repr=False)
    browser_token: str = field(default="", repr=False)
    remember_token: str = field(default="", repr=False)
    language: str = "en"
    actor: str = "self"

    @property
    def source(self) -> Source:
        """The source of this visitor's events."""
        return Source(self.actor, self.network, self.browser)


NOBODY = Visitor("", "", actor=SYSTEM.actor)
SHELL = Visitor("", "", actor=CLI.actor)
