"""Authenticators as the account's owner sees them: kinds, limits and stored rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from twostep.core.messages.channel import Channel


class MethodKind(StrEnum):
    """Ways to pass the second step. The values appear on pages as `data-method-kind`."""

    APP = "app"
    PHONE = "phone"
    CODES = "codes"
    PASSKEY = "passkey"


MOST_APPS = 5

MOST_PHONES = 5

MOST_PASSKEYS = 10

MOST_ADDRESSES = 5

MOST_KNOWN_BROWSERS = 10

MOST_REMEMBERED_BROWSERS = 10

LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class App:
    """An authenticator app (RFC 6238). `secret` is sealed.

    `centre`: the learned offset of its clock in steps, -1 to 1; `edge_run`: successes in a row at
    one edge, negative for the early one (see `totp.learn_centre`). `entry`: its number in the name
    of the entry that the phone shows.
    """

    id: str
    account_id: str
    name: str
    secret: bytes
    algorithm: str
    digits: int
    period_seconds: int
    last_step: int
    centre: int
    edge_run: int
    created_at: int
    last_used_at: int | None
    last_used_browser: str
    entry: int = 1


@dataclass(frozen=True, slots=True)
class PendingApp:
    """A secret shown in the wizard and not confirmed yet; one per session."""

    id: str
    account_id: str
    session_id: str
    secret: bytes
    expires_at: int


@dataclass(frozen=True, slots=True)
class Phone:
    """A backup phone. `number` is sealed; `hint` holds its last two digits.

    `line`: mobile, fixed or either; `channel`: how the owner wants codes, sms or call.
    """

    id: str
    account_id: str
    session_id: str | None
    number: bytes
    region: str
    line: str
    hint: str
    channel: Channel
    created_at: int
    confirmed_at: int | None
    last_used_at: int | None


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey or security key (WebAuthn level 3, credential record).

    `credential_id`, `public_key` (COSE): as the authenticator made them. `model`: its AAGUID.
    `transports`: how browsers reach it, separated by spaces. `synced`: it may have copies elsewhere
    (backup eligible; never changes); `backed_up`: it has copies now. `rp_id`: the domain it is bound
    to; empty if it was made before that was stored and has not been used since. `changed_at`: when it
    was refused because its kind had changed, Unix seconds.
    """

    id: str
    account_id: str
    name: str
    credential_id: bytes
    public_key: bytes
    sign_count: int
    model: str
    transports: str
    synced: bool
    backed_up: bool
    created_at: int
    last_used_at: int | None
    last_used_browser: str
    rp_id: str = ""
    changed_at: int | None = None

    def is_bound_to(self, rp_id: str) -> bool:
        """Whether browsers may use it there; True where its domain is not known."""
        return self.rp_id in {"", rp_id}

    def works_at(self, rp_id: str) -> bool:
        """Whether it can be expected to sign in there."""
        return self.changed_at is None and self.is_bound_to(rp_id)


@dataclass(frozen=True, slots=True)
class KnownBrowser:
    """A browser that has signed in, last at `seen_at`. `id`: if it was not known yet; `digest`: of its cookie."""

    id: str
    account_id: str
    digest: bytes
    browser: str
    seen_at: int


@dataclass(frozen=True, slots=True)
class RememberedBrowser:
    """A browser that is not asked for a code until `expires_at`."""

    id: str
    account_id: str
    browser: str
    network: str
    created_at: int
    last_used_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class RecoverySet:
    """A set of backup codes.

    `shown`: the codes themselves, sealed, while the page may still show them to `session_id`.
    `proved_at`: when a code was typed back, or the owner last confirmed still having them.
    """

    id: str
    account_id: str
    salt: bytes
    profile: str
    shown: bytes | None
    session_id: str | None
    shown_until: int
    proved_at: int | None
    created_at: int


@dataclass(frozen=True, slots=True)
class RecoveryCode:
    """One backup code's digest; `number` is its place on the printed sheet."""

    id: str
    number: int
    digest: bytes
    used_at: int | None


@dataclass(frozen=True, slots=True)
class Methods:
    """All authenticators of one account. Phones are confirmed ones."""

    apps: tuple[App, ...] = ()
    phones: tuple[Phone, ...] = ()
    codes: tuple[RecoveryCode, ...] = ()
    recovery_set: RecoverySet | None = None
    passkeys: tuple[Passkey, ...] = ()

    @property
    def codes_left(self) -> int:
        """The number of unused backup codes."""
        return sum(code.used_at is None for code in self.codes)

    @property
    def ways(self) -> int:
        """The number of different ways to pass the second step."""
        authenticators = len(self.apps) + len(self.phones) + len(self.passkeys)
        return authenticators + (self.codes_left > 0)

    def default_at(self, rp_id: str, *, chosen: str | None) -> str | None:
        """What the second step asks for first there, as `kind:id`.

        The owner's choice if there is one, otherwise the strongest that works: a passkey, which no
        look-alike page can pass on, before an app, before a phone.
        """
        strongest = (
            *(
                method_name(MethodKind.PASSKEY, key.id)
                for key in self.passkeys
                if key.works_at(rp_id)
            ),
            *(method_name(MethodKind.APP, app.id) for app in self.apps),
            *(method_name(MethodKind.PHONE, phone.id) for phone in self.phones),
        )
        if chosen in strongest:
            return chosen
        return next(iter(strongest), None)


def method_name(kind: MethodKind, method_id: str) -> str:
    """Return an authenticator's name in events: kind and id."""
    return f"{kind}:{method_id}"
