"""How many texts and calls may leave: for a number, an account, a network, and in all.

Every send counts when it is queued, so parallel requests cannot run past a limit. Of a confirmed
number the last two an hour and four a day are kept for known browsers, so that a thief with the
password cannot use them up. Sources: delivery: Abuse; OWASP API4, OAT-003.
"""

from __future__ import annotations

from twostep.core import sealing, throttle
from twostep.core.account import Account
from twostep.core.refusal import Reason, Refused
from twostep.core.throttle import Rule
from twostep.flows.env import Env, Visitor
from twostep.store import throttles
from twostep.store.tx import Tx


FINGERPRINT = "phones.fingerprint"
RESERVE_OF_BUDGET = 0.2
DAY_SECONDS = 86_400


def fingerprint(env: Env, e164: str) -> bytes:
    """The number's keyed digest under the newest key."""
    return sealing.mac(env.keyring, e164.encode(), purpose=FINGERPRINT)


def fingerprints(env: Env, e164: str) -> tuple[bytes, ...]:
    """The number's keyed digests under every key, while keys are being rotated."""
    return sealing.macs(env.keyring, e164.encode(), purpose=FINGERPRINT)


def count_send(
    tx: Tx,
    env: Env,
    account: Account,
    visitor: Visitor,
    *,
    e164: str,
    channel: str,
    confirmed: bool,
    known_browser: bool,
    now: int,
) -> Refused | None:
    """Count one send against every limit, or refuse it and count nothing."""
    of_number = [throttle.SEND_NUMBER_HOUR, throttle.SEND_NUMBER_DAY]
    rules = [(f"{throttle.SEND_NETWORK.name}:{visitor.network}", throttle.SEND_NETWORK)]
    if not confirmed:
        rules.append((f"{throttle.SEND_ACCOUNT_NEW.name}:{account.id}", throttle.SEND_ACCOUNT_NEW))
    elif not known_browser:
        of_number += [throttle.SEND_NUMBER_HOUR_STRANGERS, throttle.SEND_NUMBER_DAY_STRANGERS]
    if channel == "call":
        of_number.append(throttle.CALL_NUMBER_DAY)
    # Under every key, so that a rotation starts no count anew.
    for one in fingerprints(env, e164):
        rules += [(f"{rule.name}:{one.hex()[-40:]}", rule) for rule in of_number]
    rules.append(_budget(env, confirmed=confirmed, now=now))
    return count_all(tx, rules, now=now)


def count_new_number(tx: Tx, account: Account, *, now: int) -> Refused | None:
    """Count a number that the account types for the first time."""
    rule = throttle.NEW_NUMBERS
    return count_all(tx, [(f"{rule.name}:{account.id}", rule)], now=now)


def count_all(tx: Tx, rules: list[tuple[str, Rule]], *, now: int) -> Refused | None:
    """Count once against every rule, or, where one is used up, refuse and count nothing."""
    states = {key: throttles.lock(tx, key, now=now) for key, _ in sorted(rules)}
    waits = [until for key, rule in rules if (until := _used_up_until(states[key], rule, now=now))]
    if waits:
        return Refused(Reason.SEND_LIMIT, retry_at=max(waits))
    for key, rule in rules:
        throttles.save(tx, key, throttle.count(states[key], rule, now=now), now=now)
    return None


def _used_up_until(state: throttle.State, rule: Rule, *, now: int) -> int | None:
    """When the window ends, if its allowance is used up.

    By the count, not by the wait that is written down: the budget's row serves two limits.
    """
    window = rule.window_seconds or DAY_SECONDS
    if rule.limit <= 0:
        return now + window
    if 0 <= now - state.since_at < window and state.count >= rule.limit:
        return state.since_at + window
    return None


def _budget(env: Env, *, confirmed: bool, now: int) -> tuple[str, Rule]:
    """The day's lid over all accounts; confirmed numbers have the last fifth to themselves."""
    budget = env.settings.delivery.daily_budget
    limit = budget if confirmed else int(budget * (1 - RESERVE_OF_BUDGET))
    return f"send.budget:{now // DAY_SECONDS}", Rule("send.budget", limit, DAY_SECONDS)
