"""An account: who signs in, and whether a second step is required.

Whether two-step sign-in is on is stored (`two_step`), never derived from which authenticators
exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What an account may do besides managing itself."""

    USER = "user"
    OPERATOR = "operator"


class Status(StrEnum):
    """Whether the account can sign in with its password."""

    ACTIVE = "active"
    DISABLED = "disabled"
    RETIRED = "retired"  # the password no longer signs in; authenticators stay as they are


@dataclass(frozen=True, slots=True)
class Account:
    """One row of `accounts`, without its audit chain's head.

    `guess_millionths`: the sum of the chances, in millionths, of all wrong second-step tries
    since the password was set (security.md, Guessing). `wrong_in_a_row`: those of unknown browsers.
    `must_enroll`: the help desk reset it; until an app is set up, sessions open enrolment only.
    `spare_reminder_at`: after this time, the next sign-in checks whether a reminder is due.
    `password_short`: the password was set under the shorter minimum for two-step sign-in.
    `language_chosen`, `time_zone_chosen`: the owner chose it; otherwise it is a default, or what the
    browser of the last sign-in used.
    """

    id: str
    name: str
    role: Role
    language: str
    time_zone: str
    two_step: bool
    two_step_at: int | None
    password_hash: str | None
    password_version: int
    password_short: bool
    password_set_at: int | None
    password_retired_at: int | None
    disabled_at: int | None
    must_enroll: bool
    default_method: str | None
    wrong_in_a_row: int
    guess_millionths: int
    spare_reminder_at: int | None
    created_at: int
    language_chosen: bool = False
    time_zone_chosen: bool = False

    @property
    def preferences(self) -> Preferences:
        """Language and time zone."""
        return Preferences(
            self.language, self.language_chosen, self.time_zone, self.time_zone_chosen
        )

    @property
    def status(self) -> Status:
        """Disabled overrides retired, because an operator decided it."""
        if self.disabled_at is not None:
            return Status.DISABLED
        return Status.ACTIVE if self.password_retired_at is None else Status.RETIRED


@dataclass(frozen=True, slots=True)
class Preferences:
    """The language and time zone of an account, and whether its owner chose them."""

    language: str
    language_chosen: bool
    time_zone: str
    time_zone_chosen: bool


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An address of an account; only verified ones can sign in and receive notices.

    `bounced_at`: when the mail server last refused it, None if it has taken a mail since.
    """

    id: str
    account_id: str
    address: str
    verified_at: int | None
    created_at: int
    bounced_at: int | None = None
