"""Notices that users get by mail.

A notice is a frozen value whose fields are all that a mail may show: there is no field for a code
or a whole phone number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NoticeKind(StrEnum):
    """What happened. The comments name the fields of `Notice` that the wording needs."""

    TWO_STEP_ENABLED = "two_step_enabled"
    TWO_STEP_DISABLED = "two_step_disabled"
    APP_ADDED = "app_added"  # method
    APP_REMOVED = "app_removed"  # method
    PHONE_ADDED = "phone_added"  # hint
    PHONE_REMOVED = "phone_removed"  # hint
    PASSKEY_ADDED = "passkey_added"  # method
    PASSKEY_REMOVED = "passkey_removed"  # method
    PASSKEY_COUNTED_BACK = "passkey_counted_back"  # method
    PASSKEY_CHANGED = "passkey_changed"  # method
    CODES_CREATED = "codes_created"
    RECOVERY_CODE_USED = "recovery_code_used"  # count: codes left
    DEFAULT_CHANGED = "default_changed"  # method
    BROWSER_NEW = "browser_new"
    BROWSER_COPIED = "browser_copied"  # method: the remembered browser
    WRONG_CODES = "wrong_codes"  # count: wrong codes
    PASSWORD_GUESSED = "password_guessed"  # count: wrong passwords in a row
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_RETIRED = "password_retired"  # action_link; somebody who has it guessed codes
    PASSWORD_SECURED = "password_secured"  # action_link; retired for another reason
    PASSWORD_RESET_LINK = "password_reset_link"  # action_link
    EMAIL_CONFIRM = "email_confirm"  # action_link, address
    SETUP_CONFIRM = "setup_confirm"  # action_link
    EMAIL_ADDED = "email_added"  # address
    EMAIL_REMOVED = "email_removed"  # address
    HELP_DESK_ACT = "help_desk_act"  # act, reason
    HELP_REQUEST = "help_request"  # to the help desk; method: the reference, until_at
    HELP_REQUESTED = "help_requested"  # to the owner; until_at
    SESSIONS_ENDED = "sessions_ended"
    RECOVERY_STARTED = "recovery_started"  # until_at, action_link (cancels)
    RECOVERY_DAILY = "recovery_daily"  # until_at, action_link (cancels)
    RECOVERY_DONE = "recovery_done"  # action_link
    RECOVERY_CANCELLED = "recovery_cancelled"
    CODE_REPORTED = "code_reported"  # hint
    POLICY_DEADLINE = "policy_deadline"  # count: days left, action_link


class HelpDeskAct(StrEnum):
    """What the help desk did to an account."""

    DISABLE = "disable"
    ENABLE = "enable"
    SESSIONS_END = "sessions_end"
    RESET_MFA = "reset_mfa"
    TEMPORARY_CODE = "temporary_code"
    PASSWORD_LINK = "password_link"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice for one account.

    `at`: when it happened, Unix seconds. `browser`: such as "Firefox on Linux"; `network`: such
    as "203.0.113.0"; `place`: if known. `method`: the name its owner gave it; `hint`: the last two
    digits of a phone number. `not_me_link`: "This wasn't me"; `action_link`: the action the mail is
    about, if any; `settings_link`: where the setting can be changed back.
    `new_browser`: it happened in a sign-in from a browser not seen before, which is told here too.
    """

    kind: NoticeKind
    at: int
    user_name: str
    browser: str | None = None
    network: str | None = None
    place: str | None = None
    method: str = ""
    hint: str = ""
    address: str = ""
    count: int = 0
    until_at: int | None = None
    act: HelpDeskAct | None = None
    reason: str = ""
    not_me_link: str | None = None
    action_link: str | None = None
    settings_link: str | None = None
    new_browser: bool = False
