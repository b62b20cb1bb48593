"""Throttles: how many wrong tries are allowed, and how long the wait is after that.

One state machine for all limits; a rule holds its parameters.

    open ──wrong──▶ open           count + 1, below the limit
    open ──wrong──▶ waiting        count reached the limit: `until_at` is set
    waiting ──time──▶ open         the wait is over; count and doubling stay
    waiting ──wrong──▶ waiting     never evaluated: refused before the answer is looked at
    any ──right──▶ (row deleted)   by the flow that saw a full success

A rule with a window forgets when the window is over; a rule without one counts tries in a row and
forgets only on success. A state from the future (our clock was ahead and was corrected) never locks
anybody out: a wait longer than the rule's longest counts as over.
Sources: NIST SP 800-63B-4 §3.2.2, ASVS 6.1.1, 6.3.1; RFC 4226 §7.3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from twostep.core.refusal import Reason, Refused


@dataclass(frozen=True, slots=True)
class Rule:
    """The parameters of one throttle.

    `limit`: wrong tries that are evaluated before the first wait.
    `window_seconds`: the span that a count covers; None counts tries in a row, at any time.
    `first_wait_seconds`: the first wait, doubled at each further wrong try up to
    `longest_wait_seconds`; None waits for the end of the window.
    `whole_spans`: windows are whole UTC hours or days, the same for everybody.
    """

    name: str
    limit: int
    window_seconds: int | None
    first_wait_seconds: int | None = None
    longest_wait_seconds: int = 900
    whole_spans: bool = False


# First step. Known browsers have the same rules in a bucket of their own.
PASSWORD_ACCOUNT_NETWORK = Rule("password.account_network", 10, 900)
PASSWORD_NETWORK = Rule("password.network", 100, 3600)
PASSWORD_STRANGERS = Rule("password.strangers", 50, 3600, first_wait_seconds=30)
# Second step and step-up.
CODE = Rule("code", 5, None, first_wait_seconds=30)
RECOVERY_CODE = Rule("recovery_code", 5, None, first_wait_seconds=30)
CODE_NETWORK = Rule("code.network", 100, 3600)
# Passkeys cannot be guessed, so accounts never wait; this only limits load from one network.
PASSKEY_NETWORK = Rule("passkey.network", 100, 3600)
# Mails that a stranger can trigger.
RESET_MAIL_ACCOUNT = Rule("reset_mail.account", 3, 3600)
RESET_MAIL_NETWORK = Rule("reset_mail.network", 10, 3600)
# Texts and calls (delivery: abuse). Every send counts. For a confirmed number, the last two per
# hour and four per day are reserved for known browsers.
SEND_NUMBER_HOUR = Rule("send.number_hour", 5, 3600)
SEND_NUMBER_HOUR_STRANGERS = Rule("send.number_hour_strangers", 3, 3600)
SEND_NUMBER_DAY = Rule("send.number_day", 10, 86_400)
SEND_NUMBER_DAY_STRANGERS = Rule("send.number_day_strangers", 6, 86_400)
SEND_ACCOUNT_NEW = Rule("send.account_new", 10, 86_400)
SEND_NETWORK = Rule("send.network", 20, 3600)
CALL_NUMBER_DAY = Rule("call.number_day", 3, 86_400)
NEW_NUMBERS = Rule("phone.new_numbers", 5, 86_400)
# Prefix guard: distinct unconfirmed numbers that share all but their last four digits. One more
# within the hour blocks the prefix for a day.
PREFIX_NUMBERS = 5
PREFIX_DIGITS_LEFT_OUT = 4
PREFIX_WINDOW_SECONDS = 3600
PREFIX_BLOCK = Rule("send.prefix", 1, 86_400)
COUNTRY_PAUSE = Rule("send.country", 1, 86_400)

RULES = (
    PASSWORD_ACCOUNT_NETWORK,
    PASSWORD_NETWORK,
    PASSWORD_STRANGERS,
    CODE,
    RECOVERY_CODE,
    CODE_NETWORK,
    PASSKEY_NETWORK,
    RESET_MAIL_ACCOUNT,
    RESET_MAIL_NETWORK,
    SEND_NUMBER_HOUR,
    SEND_NUMBER_HOUR_STRANGERS,
    SEND_NUMBER_DAY,
    SEND_NUMBER_DAY_STRANGERS,
    SEND_ACCOUNT_NEW,
    SEND_NETWORK,
    CALL_NUMBER_DAY,
    NEW_NUMBERS,
    PREFIX_BLOCK,
    COUNTRY_PAUSE,
)


@dataclass(frozen=True, slots=True)
class State:
    """One row of `throttles`: tries since `since_at`, number of waits, and end of the wait."""

    count: int = 0
    since_at: int = 0
    waits: int = 0
    until_at: int = 0


def _longest(rule: Rule) -> int:
    if rule.first_wait_seconds is None:
        return rule.window_seconds or rule.longest_wait_seconds
    return rule.longest_wait_seconds


def waits_until(state: State, rule: Rule, *, now: int) -> int | None:
    """Return the end of the wait in Unix seconds, or None if a try may be evaluated."""
    if now >= state.until_at or state.until_at - now > _longest(rule):
        return None
    return state.until_at


def refuse(state: State, rule: Rule, *, now: int) -> Refused | None:
    """Refuse a try during the wait: nothing is evaluated, counted or consumed."""
    until = waits_until(state, rule, now=now)
    return None if until is None else Refused(Reason.THROTTLED, retry_at=until)


def count(state: State, rule: Rule, *, now: int) -> State:
    """Count one try at `now`."""
    window = rule.window_seconds
    if window is not None and not 0 <= now - state.since_at < window:
        state = State(since_at=now)
    state = replace(state, count=state.count + 1, since_at=state.since_at or now)
    if state.count < rule.limit:
        return state
    if rule.first_wait_seconds is None:
        return replace(state, until_at=state.since_at + (window or rule.longest_wait_seconds))
    wait = min(rule.first_wait_seconds << min(state.waits, 20), rule.longest_wait_seconds)
    return replace(state, waits=state.waits + 1, until_at=now + wait)


def tries_left(state: State, rule: Rule) -> int:
    """Return the wrong tries left before the next wait; 0 once waits have begun."""
    return max(0, rule.limit - state.count)
