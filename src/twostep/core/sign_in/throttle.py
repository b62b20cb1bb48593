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

from twostep.core.refusal import Reason, Refused, Scope


@dataclass(frozen=True, slots=True)
class Rule:
    """The parameters of one throttle.

    `limit`: wrong tries that are evaluated before the first wait.
    `window_seconds`: the span that a count covers; None counts tries in a row, at any time.
    `first_wait_seconds`: the first wait, doubled at each further wrong try up to
    `longest_wait_seconds`; None waits for the end of the window.
    `whole_spans`: windows are whole UTC hours or days, the same for everybody.
    `scope`: what the wait pauses. `reason`: how its refusal is called.
    """

    name: str
    limit: int
    window_seconds: int | None
    first_wait_seconds: int | None = None
    longest_wait_seconds: int = 900
    whole_spans: bool = False
    scope: Scope = Scope.ACCOUNT
    reason: Reason = Reason.THROTTLED


# First step. Known browsers have the same rules in a bucket of their own.
PASSWORD_ACCOUNT_NETWORK = Rule("password.account_network", 10, 900)
PASSWORD_NETWORK = Rule("password.network", 100, 3600, scope=Scope.NETWORK)
PASSWORD_STRANGERS = Rule("password.strangers", 50, 3600, first_wait_seconds=30)
# The end of guessing (NIST SP 800-63B-4 §3.2.2): browsers that have proved nothing then need a mailed
# link, for as long as a browser stays known.
PASSWORD_IN_A_ROW = Rule(
    "password.in_a_row",
    100,
    None,
    first_wait_seconds=180 * 86_400,
    longest_wait_seconds=180 * 86_400,
    reason=Reason.BROWSER_UNPROVEN,
)
# Right passwords: each costs a hash and a session, but nobody needs so many.
PASSWORD_RIGHT = Rule("password.right", 100, 3600)
# Second step and step-up.
CODE = Rule("code", 5, None, first_wait_seconds=30)
RECOVERY_CODE = Rule("recovery_code", 5, None, first_wait_seconds=30)
# What a known browser may get wrong in a row before it counts as unknown. Waits come before that,
# and the sum of all chances (`retired_password`) counts its tries like any other.
KNOWN_BROWSER_IN_A_ROW = 30
# A new set of backup codes costs ten hashes and a mail.
CODES_MADE = Rule("codes.made", 5, 3600)
CODE_NETWORK = Rule("code.network", 100, 3600, scope=Scope.NETWORK)
# Passkeys cannot be guessed, so accounts never wait; this only limits load from one network.
PASSKEY_NETWORK = Rule("passkey.network", 100, 3600, scope=Scope.NETWORK)
# Mails that a stranger can trigger.
RESET_MAIL_ACCOUNT = Rule("reset_mail.account", 3, 3600)
SETUP_MAIL = Rule("setup.mail", 3, 3600)
RECOVERY_START = Rule("recovery.start", 3, 86_400)
HELP_REQUEST = Rule("help.request", 3, 86_400)
RESET_MAIL_NETWORK = Rule("reset_mail.network", 10, 3600, scope=Scope.NETWORK)
# Texts and calls (delivery: abuse). Every send counts. A number that nobody has confirmed counts for
# everybody who types it. A confirmed one counts for each account by itself, so that people who share
# it take nothing from each other, and of each account's sends known browsers have the last ones to
# themselves: two texts an hour, four texts and two calls a day.
SEND_NUMBER_HOUR = Rule("send.number_hour", 5, 3600, scope=Scope.NUMBER)
SEND_NUMBER_HOUR_STRANGERS = Rule("send.number_hour_strangers", 3, 3600, scope=Scope.NUMBER)
SEND_NUMBER_DAY = Rule("send.number_day", 10, 86_400, scope=Scope.NUMBER)
SEND_NUMBER_DAY_STRANGERS = Rule("send.number_day_strangers", 6, 86_400, scope=Scope.NUMBER)
SEND_ACCOUNT_NEW = Rule("send.account_new", 10, 86_400)
SEND_NETWORK = Rule("send.network", 20, 3600, scope=Scope.NETWORK)
CALL_NUMBER_DAY = Rule("call.number_day", 5, 86_400, scope=Scope.NUMBER)
CALL_NUMBER_DAY_STRANGERS = Rule("call.number_day_strangers", 3, 86_400, scope=Scope.NUMBER)
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
    PASSWORD_IN_A_ROW,
    PASSWORD_RIGHT,
    CODE,
    RECOVERY_CODE,
    CODES_MADE,
    CODE_NETWORK,
    PASSKEY_NETWORK,
    SETUP_MAIL,
    RECOVERY_START,
    HELP_REQUEST,
    RESET_MAIL_ACCOUNT,
    RESET_MAIL_NETWORK,
    SEND_NUMBER_HOUR,
    SEND_NUMBER_HOUR_STRANGERS,
    SEND_NUMBER_DAY,
    SEND_NUMBER_DAY_STRANGERS,
    SEND_ACCOUNT_NEW,
    SEND_NETWORK,
    CALL_NUMBER_DAY,
    CALL_NUMBER_DAY_STRANGERS,
    NEW_NUMBERS,
    PREFIX_BLOCK,
    COUNTRY_PAUSE,
)


def in_browser(rule: Rule) -> Rule:
    """The rule in a known browser's bucket of its own: its wait pauses that browser alone."""
    return replace(rule, scope=Scope.BROWSER)


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
    return None if until is None else wait(rule, until)


def wait(rule: Rule, until: int) -> Refused:
    """The refusal of a wait under this rule."""
    return Refused(rule.reason, retry_at=until, detail={"scope": rule.scope})


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
