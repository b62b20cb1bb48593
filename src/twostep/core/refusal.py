"""Why something was refused.

A refusal is a value, not an exception: its effects (failure count, event) must commit, and raising
inside the transaction would roll them back. Codes are stable: they appear in the audit trail, in
JSON answers and in the documentation; `web/words` has one sentence for each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypedDict


class Reason(StrEnum):
    """Stable codes, grouped by the page where they first occur."""

    # everywhere
    THROTTLED = "throttled"  # too many tries; wait until `retry_at`
    CHANGED = "changed"  # what was read has changed since: try again
    NOT_FOUND = "not_found"  # does not exist, or belongs to someone else
    BUSY = "busy"  # too many password checks at the same time (503)

    # first step
    USER_NAME_EMPTY = "user_name.empty"
    PASSWORD_EMPTY = "password.empty"
    SIGN_IN_WRONG = (
        "sign_in.wrong"  # wrong password, unknown name or disabled account: not told apart
    )
    PASSWORD_RETIRED = "password.retired"  # correct, but no longer accepted; detail: guessed
    BROWSER_UNPROVEN = "sign_in.browser_unproven"  # too many wrong passwords: a mailed link first
    STEP_ENDED = "sign_in.step_ended"  # the half session has expired
    STEP_ENDING = "sign_in.step_ending"  # too little time left in the step to send; detail: minutes

    # codes, as typed
    CODE_EMPTY = "code.empty"
    CODE_SHORT = "code.short"  # detail: length, expected
    CODE_LONG = "code.long"  # detail: length, expected
    CODE_NOT_DIGITS = "code.not_digits"
    # codes, as verified
    CODE_WRONG = "code.wrong"  # detail: in_a_row, tries_left (when few)
    CODE_USED = "code.used"  # correct, but accepted before; detail: next_in_seconds
    CODE_EXPIRED = "code.expired"  # the texted or spoken code has expired
    CODE_SPENT = "code.spent"  # five wrong tries: the sent code no longer works
    CLOCK_MOVED_BACK = "clock.moved_back"  # our clock was ahead when the last code was used
    CODE_OF_OTHER_APP = "code.of_other_app"  # of an app that is already set up
    BACKUP_CODE_WRONG = "recovery_code.wrong"
    BACKUP_CODE_USED = "recovery_code.used"
    TEMPORARY_CODE_OVER = "temporary_code.over"  # the help desk's: used before, or too old

    # authenticator app set-up
    CLOCK_OFF = "clock.off"  # right app, wrong time; detail: minutes (negative: slow)
    SETUP_UNCONFIRMED = "setup.unconfirmed"  # a mailed link has to confirm the first set-up
    SETUP_EXPIRED = "app.setup_expired"  # the QR code is older than 15 minutes
    APP_LIMIT = "app.limit"
    LAST_AUTHENTICATOR = "authenticator.last"  # one app or passkey must remain
    NAME_TOO_LONG = "name.too_long"
    NOT_ALLOWED = "policy.not_allowed"  # policy requires two-step sign-in

    # passkeys
    PASSKEY_REFUSED = "passkey.refused"  # for any reason; detail: why, for the audit trail only
    PASSKEY_CHANGED = "passkey.changed"  # it became one that is synced, or ceased to be
    PASSKEY_LIMIT = "passkey.limit"  # detail: maximum

    # backup phone
    NUMBER_EMPTY = "number.empty"
    NUMBER_LETTERS = "number.letters"
    NUMBER_EXTENSION = "number.extension"
    NUMBER_TOO_SHORT = "number.too_short"  # detail: region, example
    NUMBER_TOO_LONG = "number.too_long"  # detail: region, example
    NUMBER_ELSEWHERE = "number.elsewhere"  # valid in another region; detail: region
    NUMBER_UNCLEAR = "number.unclear"  # begins with 00, and is two numbers
    NUMBER_VOIP = "number.voip"  # an internet line; policy excludes them
    NUMBER_NOT_IN_PLAN = "number.not_in_plan"  # detail: region, example
    NUMBER_LANDLINE = "number.landline"  # a text was asked for
    NUMBER_KIND = "number.kind"  # premium, shared cost, toll-free, satellite, pager …
    NUMBER_REGION_CLOSED = "number.region_closed"  # detail: region
    NUMBER_DUPLICATE = "number.duplicate"
    NUMBER_SHARED = "number.shared"  # five other accounts already use it
    NUMBER_OPTED_OUT = "number.opted_out"
    REGION_UNKNOWN = "region.unknown"
    PHONE_LIMIT = "phone.limit"
    PHONE_NEEDS_APP = "phone.needs_app"  # phones are only allowed alongside an app or a passkey

    # sending
    CHANNEL_UNKNOWN = "channel.unknown"
    CHANNEL_OFF = "channel.off"  # texts or calls are turned off or not working
    SEND_TOO_SOON = "send.too_soon"  # `retry_at`
    SEND_LIMIT = "send.limit"  # `retry_at`

    # passwords and profile
    PASSWORD_TOO_SHORT = "password.too_short"  # detail: minimum
    PASSWORD_TOO_LONG = "password.too_long"  # detail: maximum
    PASSWORD_COMMON = "password.common"
    PASSWORD_BREACHED = "password.breached"  # listed in the operator's file of breached passwords
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


# The input cannot be a code: it does not count as a try, and a running wait is reported first.
MALFORMED = frozenset(
    {Reason.CODE_EMPTY, Reason.CODE_SHORT, Reason.CODE_LONG, Reason.CODE_NOT_DIGITS}
)


class Scope(StrEnum):
    """What a limit pauses, so that no page blames anything else."""

    ACCOUNT = "account"  # in every browser that the account does not know
    BROWSER = "browser"  # this account, in this browser
    NETWORK = "network"  # everybody at this address, except in browsers their accounts know
    NUMBER = "number"  # one telephone number
    PANEL = "panel"  # everybody


class RefusalDetail(TypedDict, total=False):
    """What a refusal's sentence may need; each reason says which."""

    maximum: int
    minimum: int
    length: int  # of what was typed
    expected: int  # how long it should have been
    minutes: int
    next_in_seconds: int
    tries_left: int
    in_a_row: int  # wrong tries, this one included
    guessed: bool  # the password was retired because codes were guessed with it
    region: str  # a CLDR code
    example: str  # a number of that region, as people there write it
    number: str  # ours, which START can be texted to
    problem: str  # of a user name: empty, long, at_sign or character
    scope: Scope  # what is paused, with every `retry_at` of a limit
    why: str  # of a passkey; for the audit trail alone


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal and its reason.

    `retry_at`: Unix seconds from when another try makes sense, if the reason is temporary.
    `detail`: the few values that the sentence needs; never a secret, code or phone number.
    """

    reason: Reason
    retry_at: int | None = None
    detail: RefusalDetail = field(default_factory=RefusalDetail)
