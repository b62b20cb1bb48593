"""Events: what the audit trail may record.

Each kind declares the fields its `data` may have. Anything else is a bug and raises, so that no
secret, code, password or phone number slips in. The documented list is generated from here.
Sources: ASVS 16.2.5, 16.3.1; architecture rule 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of an action."""

    OK = "ok"
    REFUSED = "refused"
    THROTTLED = "throttled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event: its stable name, its meaning, and the only fields its data may have."""

    name: str
    says: str
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Source:
    """Who acted, and from where.

    `actor`: `self` (the account's owner), `operator:NAME`, `cli` or `system`.
    `network`: IPv4 address or IPv6 /64 prefix; `browser`: such as "Firefox on Linux"; `request_id`:
    for the log, never stored.
    """

    actor: str
    network: str = ""
    browser: str = ""
    request_id: str = ""


SYSTEM = Source("system")
CLI = Source("cli")


@dataclass(frozen=True, slots=True)
class Event:
    """A fact in the past. `method`: kind and id of the authenticator, such as `app:Xy12`."""

    kind: str
    outcome: Outcome
    method: str = ""
    data: Mapping[str, str | int] = field(default_factory=dict)


KINDS: dict[str, Kind] = {}


def _kind(name: str, says: str, *fields: str) -> str:
    KINDS[name] = Kind(name, says, frozenset(fields))
    return name


ACCOUNT_CREATED = _kind("account.created", "An account was created", "role")
ACCOUNT_DISABLED = _kind("account.disabled", "An operator disabled the account", "reason")
ACCOUNT_ENABLED = _kind("account.enabled", "An operator enabled the account again", "reason")
APP_ADDED = _kind("app.added", "An authenticator app was added", "name")
APP_REFUSED = _kind(
    "app.refused", "A code did not confirm the new authenticator app", "reason", "count"
)
APP_REMOVED = _kind("app.removed", "An authenticator app was removed", "name")
AUDIT_ACCEPTED = _kind(
    "audit.accepted",
    "An operator accepted the ends of chains as they stood",
    "chains",
    "reason",
)
AUDIT_EXPORTED = _kind(
    "audit.exported", "The audit trail was exported", "events", "checkpoint", "since"
)
BROWSER_FORGOTTEN = _kind("browser.forgotten", "A remembered browser was forgotten", "all")
BROWSER_NEW = _kind("browser.new", "A sign-in was completed in a browser not seen before")
BROWSER_PROVEN = _kind("browser.proven", "A mailed link was used to try the password in a browser")
BROWSER_REMEMBERED = _kind("browser.remembered", "A browser will not be asked for a code", "days")
BROWSER_TOKEN_REUSED = _kind("browser.token_reused", "An old remembered-browser value came back")
CLOCK_MENDED = _kind(
    "clock.mended",
    "An app whose codes were refused because our clock had been ahead works again",
    "ahead_seconds",
)
CLOCK_MOVED_BACK = _kind(
    "clock.moved_back", "A code was used at a time that is now in the future", "ahead_seconds"
)
CODE_ACCEPTED = _kind("code.accepted", "A second step was passed", "purpose")
CODE_REFUSED = _kind("code.refused", "A second step was refused", "purpose", "reason", "count")
CODE_REPORTED = _kind("code.reported", "The person called said that the call was not for them")
CODE_SENT = _kind("code.sent", "A code was queued for sending", "purpose", "channel", "region")
CODE_SEND_REFUSED = _kind(
    "code.send_refused", "A code was not sent", "purpose", "channel", "reason", "count"
)
CODE_DELIVERED = _kind(
    "code.delivered", "A provider accepted or delivered a code", "state", "provider"
)
CODE_DELIVERY_FAILED = _kind(
    "code.delivery_failed", "A code could not be delivered", "provider", "reason"
)
BUDGET_HALF_USED = _kind(
    "budget.half_used", "Half of the texts and calls of an hour or day are used", "span", "limit"
)
BUDGET_USED_UP = _kind(
    "budget.used_up", "The texts and calls of an hour or day are used up", "span", "limit", "kept"
)
CONTAINMENT_DONE = _kind(
    "containment.done", "Someone answered “This wasn't me”", "sessions", "undone"
)
COUNTRY_PAUSED = _kind(
    "country.paused",
    "Too few codes sent to new numbers in a country were typed: adding numbers is paused",
    "region",
    "verified",
    "sent",
    "until_at",
)
DATABASE_MOVED = _kind(
    "database.moved", "Everything was moved here from another database", "source", "target", "rows"
)
DEFAULT_CHANGED = _kind("default_method.changed", "The default way to sign in was changed", "to")
EMAIL_ADDED = _kind("email.added", "An e-mail address was added; its link has not been opened yet")
EMAIL_REMOVED = _kind("email.removed", "An e-mail address was removed")
EMAIL_VERIFIED = _kind("email.verified", "An e-mail address was confirmed")
HELP_REQUESTED = _kind("help.requested", "The help desk was asked by mail to help someone sign in")
KEYS_REMOVED = _kind("keys.removed", "An old key was removed from the key file", "key")
KEYS_ROTATED = _kind("keys.rotated", "Secrets were sealed again under a new key", "key", "rows")
KNOWN_BROWSER_FORGOTTEN = _kind(
    "known_browser.forgotten",
    "A browser that had signed in before counts as new again",
    "browsers",
    "reason",
)
METHOD_RENAMED = _kind("method.renamed", "An app or passkey was renamed", "name")
NOTICE_FAILED = _kind("notice.failed", "A notice could not be delivered", "kind", "reason")
NOTICE_SENT = _kind("notice.sent", "A notice was handed to the mail server", "kind")
NUMBER_UNMATCHED = _kind(
    "phone.refused", "A number was not accepted as a backup phone", "reason", "count"
)
NUMBER_OPTED_IN = _kind("number.opted_in", "A number asked for texts again", "provider")
NUMBER_OPTED_OUT = _kind("number.opted_out", "A number asked for no more texts", "provider")
OPERATOR_ACTED = _kind("operator.acted", "An operator helped with the account", "act", "reason")
PASSKEY_ACCEPTED = _kind("passkey.accepted", "A passkey was accepted", "purpose")
PASSKEY_ADDED = _kind("passkey.added", "A passkey was added", "name", "model", "synced")
PASSKEY_COUNTED_BACK = _kind(
    "passkey.counted_back",
    "A passkey was accepted although its counter had not increased: there may be a copy",
    "stored",
    "shown",
)
PASSKEY_REFUSED = _kind("passkey.refused", "A passkey was refused", "purpose", "reason", "count")
PASSKEY_REMOVED = _kind("passkey.removed", "A passkey was removed", "name")
PASSWORD_ACCEPTED = _kind("password.accepted", "The first step was passed")
PASSWORD_CHANGED = _kind("password.changed", "The password was changed", "by")
PASSWORD_REFUSED = _kind("password.refused", "A wrong password was entered", "reason", "count")
PASSWORD_RETIRED = _kind("password.retired", "The password no longer signs in", "reason")
PASSWORD_LINK_SENT = _kind("password.link_sent", "A link for a new password was sent", "by")
PHONE_ADDED = _kind("phone.added", "A backup phone was confirmed", "channel", "region", "hint")
PHONE_REMOVED = _kind("phone.removed", "A backup phone was removed", "hint")
PREFIX_BLOCKED = _kind(
    "prefix.blocked",
    "Too many new numbers shared all but their last four digits: no more are added for a day",
    "region",
    "distinct",
    "until_at",
)
PROFILE_CHANGED = _kind("profile.changed", "Language or time zone was changed")
PROVIDER_FAILING = _kind(
    "provider.failing",
    "A provider failed at least half of what it was given that day",
    *("provider", "failed", "tries", "reason"),
)
PROVIDER_RESTORED = _kind("provider.restored", "A provider works again", "provider")
PROVIDER_TRIPPED = _kind(
    "provider.tripped",
    "A provider kept failing and is skipped for a minute",
    "provider",
    "reason",
)
SETUP_LINK_SENT = _kind("setup.link_sent", "A link that confirms the first setup was sent")
SETUP_CONFIRMED = _kind("setup.confirmed", "The first setup was confirmed", "by")
RECOVERY_CANCELLED = _kind("recovery.cancelled", "A recovery was cancelled", "by")
RECOVERY_ENDED = _kind("recovery.ended", "A recovery's waiting period ended")
RECOVERY_STARTED = _kind("recovery.started", "A recovery with a waiting period began", "ends_at")
RECOVERY_USED = _kind("recovery.used", "A recovery opened the setup of a new app")
RECOVERY_CODES_CREATED = _kind(
    "recovery_codes.created", "A set of backup codes was created", "codes"
)
RECOVERY_CODES_KEPT = _kind(
    "recovery_codes.kept", "The owner confirmed still having the backup codes"
)
RECOVERY_CODES_PROVED = _kind(
    "recovery_codes.proved", "The owner proved that the backup codes are saved"
)
RECOVERY_CODE_USED = _kind("recovery_code.used", "A backup code was used", "left")
REQUEST_REFUSED = _kind(
    "request.refused", "A request was refused before any page saw it", "reason", "path", "count"
)
SEAL_BROKEN = _kind("seal.broken", "A sealed value could not be opened", "purpose")
SESSION_ENDED = _kind("session.ended", "A session was ended", "by", "sessions")
SIGN_IN_COMPLETED = _kind("sign_in.completed", "A sign-in was completed", "aal", "amr")
SIGN_OUT_DONE = _kind("sign_out.done", "Someone signed out")
STEP_UP_COMPLETED = _kind("step_up.completed", "The user confirmed their identity again", "by")
SUPPORT_REFERENCE_MADE = _kind("support_reference.made", "A support reference was shown")
TEST_MESSAGE_SENT = _kind(
    "test_message.sent", "An operator had a test message sent to their own phone", "channel"
)
TEMPORARY_CODE_MADE = _kind("temporary_code.made", "The help desk created a temporary code")
TEMPORARY_CODE_USED = _kind("temporary_code.used", "The help desk's temporary code was used")
TWO_STEP_DISABLED = _kind(
    "two_step.disabled",
    "Two-step sign-in was turned off",
    "apps",
    "phones",
    "codes",
    "passkeys",
    "by",
)
TWO_STEP_ENABLED = _kind("two_step.enabled", "Two-step sign-in was turned on")


# Whoever repeats a request can repeat these: those of one kind, reason and network become one event
# a minute, whose `count` says how many (1 where it says nothing).
MERGED = frozenset(
    {
        APP_REFUSED,
        CODE_REFUSED,
        CODE_SEND_REFUSED,
        NUMBER_UNMATCHED,
        PASSKEY_REFUSED,
        PASSWORD_REFUSED,
        REQUEST_REFUSED,
    }
)
MERGE_SECONDS = 60


def new_event(
    kind: str,
    outcome: Outcome = Outcome.OK,
    /,
    *,
    method: str = "",
    **data: str | int,
) -> Event:
    """Make an event. ValueError if `data` has fields that the kind does not declare."""
    extra = data.keys() - KINDS[kind].fields
    if extra:
        raise ValueError(f"event {kind} has no field {sorted(extra)}")
    return Event(kind, outcome, method, data)
