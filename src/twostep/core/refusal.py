"""Why something was refused.

A refusal is a value, not an exception: it must commit (failure count, event), and raising inside
the transaction would roll the throttle back. Codes are stable: they stand in the audit trail, in
the JSON answers and in the documentation; `web/text.py` has one sentence for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """Stable codes, grouped by the page on which they are first met."""

    # everywhere
    THROTTLED = "throttled"  # too many tries; `retry_at` says until when
    CHANGED = "changed"  # what was read has changed meanwhile: try again
    NOT_FOUND = "not_found"  # no such thing, or somebody else's
    BUSY = "busy"  # all places for password checks are taken (503)

    # first step
    SIGN_IN_WRONG = "sign_in.wrong"  # wrong password, unknown name, disabled account: alike
    PASSWORD_RETIRED = "password.retired"  # right, but no longer accepted
    STEP_ENDED = "sign_in.step_ended"  # the half session is over
    STEP_ENDING = "sign_in.step_ending"  # too little of the step is left to send; detail: minutes

    # codes, as typed
    CODE_EMPTY = "code.empty"
    CODE_SHORT = "code.short"  # detail: length
    CODE_LONG = "code.long"  # detail: length
    CODE_NOT_DIGITS = "code.not_digits"
    # codes, as verified
    CODE_WRONG = "code.wrong"  # detail: tries_left (when few), clock (from the second on)
    CODE_USED = "code.used"  # right, but already accepted once; detail: next_in_seconds
    CODE_EXPIRED = "code.expired"  # the texted or spoken code's time is over
    CODE_SPENT = "code.spent"  # five wrong tries: the sent code is dead
    CLOCK_MOVED_BACK = "clock.moved_back"  # our own clock was ahead when the last code was used
    BACKUP_CODE_WRONG = "recovery_code.wrong"
    BACKUP_CODE_USED = "recovery_code.used"

    # authenticator app set-up
    CLOCK_OFF = "clock.off"  # right app, wrong time; detail: minutes (negative is slow)
    SETUP_EXPIRED = "app.setup_expired"  # the QR code is older than 15 minutes
    APP_LIMIT = "app.limit"
    LAST_AUTHENTICATOR = "authenticator.last"  # one app or passkey must remain
    NAME_TOO_LONG = "name.too_long"
    NOT_ALLOWED = "policy.not_allowed"  # policy asks for two-step sign-in

    # passkeys
    PASSKEY_REFUSED = "passkey.refused"  # every reason alike; detail: why, for the audit trail only
    PASSKEY_LIMIT = "passkey.limit"  # detail: maximum

    # backup phone
    NUMBER_EMPTY = "number.empty"
    NUMBER_LETTERS = "number.letters"
    NUMBER_EXTENSION = "number.extension"
    NUMBER_TOO_SHORT = "number.too_short"  # detail: region
    NUMBER_TOO_LONG = "number.too_long"  # detail: region
    NUMBER_NOT_IN_PLAN = "number.not_in_plan"  # detail: region, example
    NUMBER_LANDLINE = "number.landline"  # a text was asked for
    NUMBER_KIND = "number.kind"  # premium, shared cost, toll-free, satellite, pager …
    NUMBER_REGION_CLOSED = "number.region_closed"  # detail: region
    NUMBER_DUPLICATE = "number.duplicate"
    NUMBER_SHARED = "number.shared"  # five other accounts have it
    NUMBER_OPTED_OUT = "number.opted_out"
    REGION_UNKNOWN = "region.unknown"
    PHONE_LIMIT = "phone.limit"
    PHONE_NEEDS_APP = "phone.needs_app"  # telephone only beside an app or a passkey

    # sending
    CHANNEL_UNKNOWN = "channel.unknown"
    CHANNEL_OFF = "channel.off"  # texts or calls are switched off or not working
    SEND_TOO_SOON = "send.too_soon"  # `retry_at`
    SEND_LIMIT = "send.limit"  # `retry_at`

    # passwords and profile
    PASSWORD_TOO_SHORT = "password.too_short"  # detail: minimum
    PASSWORD_TOO_LONG = "password.too_long"  # detail: maximum
    PASSWORD_COMMON = "password.common"
    PASSWORD_BREACHED = "password.breached"  # it stands in the operator's file of them
    PASSWORD_CONTEXT = "password.context"  # the user's or the panel's name
    PASSWORD_CURRENT_WRONG = "password.current_wrong"
    PASSWORD_UNCHANGED = "password.unchanged"
    EMAIL_MALFORMED = "email.malformed"
    EMAIL_DUPLICATE = "email.duplicate"
    EMAIL_TAKEN = "email.taken"  # another account has confirmed it
    EMAIL_LIMIT = "email.limit"
    EMAIL_LAST = "email.last"
    LINK_DEAD = "link.dead"  # used, unknown or too old
    LANGUAGE_UNKNOWN = "language.unknown"
    TIME_ZONE_UNKNOWN = "time_zone.unknown"
    USER_NAME_TAKEN = "user_name.taken"
    USER_NAME_MALFORMED = "user_name.malformed"


# What was typed cannot be any code: it costs nothing, and a wait that runs is said first.
MALFORMED = frozenset(
    {Reason.CODE_EMPTY, Reason.CODE_SHORT, Reason.CODE_LONG, Reason.CODE_NOT_DIGITS}
)


@dataclass(frozen=True, slots=True)
class Refused:
    """A "no" with its reason.

    `retry_at`: Unix seconds from which another try makes sense, where time is the reason.
    `detail`: the few values the sentence needs; never a secret, code or number.
    """

    reason: Reason
    retry_at: int | None = None
    detail: Mapping[str, str | int] = field(default_factory=dict)
