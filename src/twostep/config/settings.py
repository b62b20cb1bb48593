"""Every setting: name, bounds, default and meaning.

`docs/reference/settings.md` is generated from these models, so descriptions are written for the
person who edits the file. Names that scripts rely on never change.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from twostep.config.carriers import CarrierTables
from twostep.config.delivery import DeliverySettings
from twostep.config.kinds import (
    AbsolutePath,
    Colour,
    Networks,
    OpeningHours,
    Origin,
    Section,
    TimeZone,
    WebAddress,
    WordList,
    is_loopback,
)
from twostep.config.mail import SmtpSettings
from twostep.config.operate import MetricsSettings, RetentionSettings, TracingSettings
from twostep.config.passkeys import PasskeySettings, passkey_warnings
from twostep.config.provider_order import call_carriers, require_usable_providers, text_carriers
from twostep.config.server import PasswordSettings, ServerSettings


class PolicySettings(Section):
    """What users may do and must do."""

    phones: bool = Field(
        default=True,
        description="Backup phones. Off: phones cannot be added, existing ones cannot be used, and "
        "their pages do not exist.",
    )
    require_two_step: Literal["none", "operators", "all"] = Field(
        default="none", description="Who must turn on two-step sign-in."
    )
    remember_browser_days: int = Field(
        default=0,
        ge=0,
        le=90,
        description="Days a browser can be remembered for, so that it is not asked for a code. 0: "
        "never.",
    )
    recovery_wait_hours: int = Field(
        default=0,
        ge=0,
        le=720,
        description="Hours to wait in a recovery by e-mail before a new app can be set up. "
        "0: no recovery by e-mail. Operators can never use it.",
    )


class SessionSettings(Section):
    """How long people stay signed in."""

    idle_minutes: int = Field(
        default=30,
        ge=1,
        le=10_080,
        description="Minutes without a request after which a session ends.",
    )
    total_hours: int = Field(
        default=12, ge=1, le=720, description="Hours after which a session ends in any case."
    )

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.idle_minutes > self.total_hours * 60:
            raise ValueError("session.idle_minutes is longer than session.total_hours")
        return self


class TotpSettings(Section):
    """Codes from authenticator apps."""

    tolerance_steps: int = Field(
        default=1,
        ge=0,
        le=1,
        description="How many 30-second steps a phone's clock may be fast or slow. 0 is the "
        "strict profile.",
    )


def _database_url(data: Mapping[str, Any]) -> SecretStr:
    return SecretStr(f"sqlite:///{data['data_dir']}/twostep.sqlite3")


class Settings(CarrierTables):
    """All settings, frozen. Made by `load`; tests may pass keyword arguments."""

    public_url: Origin = Field(
        description="The address people type in: scheme, host and port. https, or http on "
        "localhost. All links start with it, and requests for other hosts are refused."
    )
    data_dir: AbsolutePath = Field(
        default=Path("/var/lib/twostep"), description="Folder for the database and the key file."
    )
    database_url: SecretStr = Field(
        default_factory=_database_url,
        description="sqlite:///PATH, or postgresql://USER:PASSWORD@HOST:PORT/NAME, with special "
        "characters of the password percent-encoded: @ as %40. Default: twostep.sqlite3 in data_dir.",
    )
    database_connections: int = Field(
        default=12,
        ge=3,
        le=100,
        description="Connections to PostgreSQL per process; a third of them are for reading. One "
        "more listens for notifications. Ignored with SQLite.",
    )
    key_file: AbsolutePath | None = Field(
        default=None,
        description="File with the keys that seal secrets, newest first, mode 0600. Default: "
        "twostep.key in data_dir.",
    )
    key_command: str | None = Field(
        default=None,
        min_length=1,
        description="Command that prints the keys instead. It is split into words as a shell "
        "would, but run without one.",
    )
    key: SecretStr | None = Field(
        default=None, description="The keys themselves; meant for the variable TWOSTEP_KEY."
    )
    lost_keys: Annotated[tuple[str, ...], WordList] = Field(
        default=(),
        description="Ids of keys that are lost for good. Without this, nothing starts while the "
        "database holds values that a missing key seals.",
    )
    panel_name: str = Field(
        default="Twostep",
        min_length=1,
        max_length=40,
        description="Name of your panel on pages, in messages and in authenticator apps.",
    )
    organisation: str = Field(
        default="",
        max_length=80,
        description="Who runs the panel; shown on the Help and Privacy pages.",
    )
    home_url: WebAddress | None = Field(
        default=None,
        description="Your panel: where sign-in leads. Default: Twostep's own overview.",
    )
    panel_logo: AbsolutePath | None = Field(
        default=None, description="SVG or PNG file shown next to the name."
    )
    accent_colour: Colour | None = Field(
        default=None, description='Colour of buttons and links, like "#1f5fbf". Default: teal.'
    )
    support_email: str = Field(default="", max_length=254, description="The help desk's e-mail.")
    support_phone: str = Field(
        default="", max_length=40, description="Telephone number of the help desk."
    )
    support_hours: str = Field(
        default="", max_length=120, description="Opening hours of the help desk."
    )
    help_desk_open: OpeningHours = Field(
        default=(),
        description='Opening hours in default_time_zone, like "Mon-Fri 09:00-17:00; Sat '
        '10:00-12:00". Outside of them, pages say when the help desk opens.',
    )
    default_language: str = Field(
        default="en",
        pattern="^[a-z]{2,3}$",
        description="Language if nobody has chosen one: en, de, ar, or a folder in data_dir/locale.",
    )
    default_time_zone: TimeZone = Field(
        default="UTC", description="Time zone of accounts that have not chosen one."
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Networks of your reverse proxies. Forwarded headers count only from these.",
    )
    audit_checkpoint_file: AbsolutePath | None = Field(
        default=None,
        description="File outside the database that signed audit checkpoints are appended to, "
        "preferably on another machine's disk.",
    )
    geo_database: AbsolutePath | None = Field(
        default=None,
        description="MMDB file of cities or countries. With it, notices, sessions and the history "
        "show a place next to the network. Needs: make setup EXTRAS=geo",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="Lowest level that is logged. Most security events are logged at info.",
    )
    log_networks: bool = Field(
        default=True,
        description="Whether security events in the log name the visitor's network: the IPv4 "
        "address, or the first half of the IPv6 address. fail2ban needs it.",
    )
    syslog_socket: AbsolutePath = Field(
        default=Path("/dev/log"),
        description="Socket of the system's log, to which commands such as twostep user disable send "
        "their security events. The server logs to standard error instead. Where there is no such "
        "socket, nothing is sent.",
    )
    policy: PolicySettings = Field(default_factory=PolicySettings)
    session: SessionSettings = Field(default_factory=SessionSettings)
    totp: TotpSettings = Field(default_factory=TotpSettings)
    password: PasswordSettings = Field(default_factory=PasswordSettings)
    passkeys: PasskeySettings = Field(default_factory=PasskeySettings)
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    smtp: SmtpSettings | None = Field(default=None)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        keys = {"key": self.key, "key_command": self.key_command, "key_file": self.key_file}
        if len(given := [name for name, value in keys.items() if value]) > 1:
            raise ValueError(f"set only one of {' and '.join(given)}")
        scheme, _, place = self.database_url.get_secret_value().partition(":")
        if scheme not in {"sqlite", "postgresql", "postgres"}:
            raise ValueError("database_url must begin with sqlite:/// or postgresql://")
        if scheme == "sqlite" and not Path(place).name:
            raise ValueError("database_url names no file: write its path, sqlite:///PATH")
        require_usable_providers(self, self.delivery)
        return self

    @property
    def key_path(self) -> Path | None:
        """Path of the key file; None if the keys come from a command or the environment."""
        if self.key is not None or self.key_command is not None:
            return None
        return self.key_file or self.data_dir / "twostep.key"

    @property
    def public_host(self) -> str:
        """The host of `public_url` without a port, as the last line of messages names it."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def is_https(self) -> bool:
        """Whether cookies are `__Host-` and HSTS is sent."""
        return self.public_url.startswith("https:")

    @property
    def is_loopback(self) -> bool:
        """Whether the panel can be reached from this machine only."""
        return is_loopback(self.public_host)

    @property
    def sms_providers(self) -> tuple[str, ...]:
        """Providers of text messages, in the order they are tried."""
        return self.delivery.sms or text_carriers(self)

    @property
    def call_providers(self) -> tuple[str, ...]:
        """Providers of calls, in the order they are tried."""
        return self.delivery.call or call_carriers(self)

    @property
    def email_providers(self) -> tuple[str, ...]:
        """Providers of e-mail, in the order they are tried."""
        return self.delivery.email or (("smtp",) if self.smtp else ())

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences on settings that are allowed but rarely intended, for `serve` and `doctor`."""
        everywhere = [str(network) for network in self.trusted_proxies if network.prefixlen == 0]
        phones = self.policy.phones
        carriers = self.sms_providers + self.call_providers
        checks = {
            "session.idle_minutes is more than an hour": self.session.idle_minutes > 60,
            "session.total_hours is more than a day": self.session.total_hours > 24,
            "policy.remember_browser_days is more than 30": self.policy.remember_browser_days > 30,
            'password.profile is "test": passwords are hashed too weakly': (
                self.password.profile == "test"
            ),
            f"trusted_proxies holds {everywhere}: anybody can forge an address": bool(everywhere),
            "policy.phones is on, but delivery.countries is empty: no phone can be added": (
                phones and not self.delivery.countries
            ),
            "policy.phones is on, but no provider of texts or calls is set": (
                phones and not carriers
            ),
            "no provider of e-mail is set: notices and password links are not sent": (
                not self.email_providers
            ),
            'delivery names "console": those messages reach nobody': (
                not self.is_loopback and "console" in (*carriers, *self.email_providers)
            ),
        } | passkey_warnings(self.passkeys, self.public_host)
        return tuple(sentence for sentence, is_true in checks.items() if is_true)
