"""Watch new numbers for pumped prefixes and for countries whose codes are never typed in.

Only unconfirmed numbers are checked, so nothing in this module can stop anybody from signing in.
Sources: delivery: Abuse; OWASP OAT-003.
"""

from __future__ import annotations

from twostep.core.audit import event
from twostep.core.messages import conversion
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.throttle import Rule
from twostep.flows.audit.alarm import raise_alarm
from twostep.flows.messages.numbers import fingerprint, prefix_digest
from twostep.flows.turn import Turn
from twostep.store.messages import sends
from twostep.store.sign_in import throttles


# Older sends say nothing about today, and a one-day pause is over by then.
LOOKBACK_SECONDS = 2 * 86_400


def refuse_new_number(turn: Turn, *, e164: str, region: str) -> Refused | None:
    """Refuse to send to an unconfirmed number whose prefix or country is blocked.

    Locking the rows makes the count exact: each parallel request sees the ones before it.
    """
    return _refuse_prefix(turn, e164=e164, region=region) or _refuse_country(turn, region=region)


def _refuse_prefix(turn: Turn, *, e164: str, region: str) -> Refused | None:
    prefix = prefix_digest(turn.env, e164)
    rule = throttle.PREFIX_BLOCK
    key = f"{rule.name}:{prefix.hex()[-40:]}"
    until = throttle.waits_until(throttles.lock(turn.tx, key, now=turn.now), rule, now=turn.now)
    if until is not None:
        return Refused(Reason.SEND_LIMIT, retry_at=until)
    known = sends.list_new_numbers(
        turn.tx,
        prefix,
        since=turn.now - throttle.PREFIX_WINDOW_SECONDS,
        limit=throttle.PREFIX_NUMBERS + 1,
    )
    distinct = len(known | {fingerprint(turn.env, e164)})
    if distinct <= throttle.PREFIX_NUMBERS:
        return None
    until = _close(turn, key, rule)
    raise_alarm(
        turn, event.PREFIX_BLOCKED, subject=key, region=region, distinct=distinct, until_at=until
    )
    return Refused(Reason.SEND_LIMIT, retry_at=until)


def _refuse_country(turn: Turn, *, region: str) -> Refused | None:
    rule = throttle.COUNTRY_PAUSE
    key = f"{rule.name}:{region}"
    state = throttles.lock(turn.tx, key, now=turn.now)
    closed = Refused(Reason.NUMBER_REGION_CLOSED, detail={"region": region})
    if throttle.waits_until(state, rule, now=turn.now) is not None:
        return closed
    outcomes = sends.list_conversions(
        turn.tx,
        region,
        since=max(state.until_at, turn.now - LOOKBACK_SECONDS),
        settled_before=turn.now - conversion.GRACE_SECONDS,
        limit=conversion.WATCHED,
    )
    if not conversion.is_abused(outcomes):
        return None
    until = _close(turn, key, rule)
    raise_alarm(
        turn,
        event.COUNTRY_PAUSED,
        subject=region,
        region=region,
        verified=sum(outcomes),
        sent=len(outcomes),
        until_at=until,
    )
    return closed


def _close(turn: Turn, key: str, rule: Rule) -> int:
    state = throttle.count(throttle.State(), rule, now=turn.now)
    throttles.save(turn.tx, key, state, now=turn.now)
    return state.until_at
