"""New numbers under watch: prefixes that somebody pumps, and countries whose codes never come back.

Only numbers that are not confirmed are looked at, so nothing here keeps anybody from signing in.
Sources: delivery: Abuse; OWASP OAT-003.
"""

from __future__ import annotations

from twostep.core.audit import event
from twostep.core.messages import conversion
from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.throttle import Rule
from twostep.flows.audit.alarm import raise_alarm
from twostep.flows.env import Env
from twostep.flows.messages.numbers import fingerprint, prefix_digest
from twostep.store.messages import sends
from twostep.store.sign_in import throttles
from twostep.store.tx import Tx


# Older sends say nothing about today; a pause of a day is over by then.
LOOKED_BACK_SECONDS = 2 * 86_400


def refuse_new_number(tx: Tx, env: Env, *, e164: str, region: str, now: int) -> Refused | None:
    """Whether nothing may be sent to a number that is not confirmed yet.

    The rows that are locked here make it exact: of parallel requests each sees those before it.
    """
    return _refuse_prefix(tx, env, e164=e164, region=region, now=now) or _refuse_country(
        tx, region=region, now=now
    )


def _refuse_prefix(tx: Tx, env: Env, *, e164: str, region: str, now: int) -> Refused | None:
    prefix = prefix_digest(env, e164)
    rule = throttle.PREFIX_BLOCK
    key = f"{rule.name}:{prefix.hex()[-40:]}"
    until = throttle.waits_until(throttles.lock(tx, key, now=now), rule, now=now)
    if until is not None:
        return Refused(Reason.SEND_LIMIT, retry_at=until)
    known = sends.list_new_numbers(
        tx, prefix, since=now - throttle.PREFIX_WINDOW_SECONDS, limit=throttle.PREFIX_NUMBERS + 1
    )
    distinct = len(known | {fingerprint(env, e164)})
    if distinct <= throttle.PREFIX_NUMBERS:
        return None
    until = _close(tx, key, rule, now=now)
    raise_alarm(
        tx, event.PREFIX_BLOCKED, subject=key, now=now, region=region, distinct=distinct,
        until_at=until,
    )  # fmt: skip
    return Refused(Reason.SEND_LIMIT, retry_at=until)


def _refuse_country(tx: Tx, *, region: str, now: int) -> Refused | None:
    rule = throttle.COUNTRY_PAUSE
    key = f"{rule.name}:{region}"
    state = throttles.lock(tx, key, now=now)
    closed = Refused(Reason.NUMBER_REGION_CLOSED, detail={"region": region})
    if throttle.waits_until(state, rule, now=now) is not None:
        return closed
    outcomes = sends.list_conversions(
        tx,
        region,
        since=max(state.until_at, now - LOOKED_BACK_SECONDS),
        settled_before=now - conversion.GRACE_SECONDS,
        limit=conversion.WATCHED,
    )
    if not conversion.is_abused(outcomes):
        return None
    until = _close(tx, key, rule, now=now)
    raise_alarm(
        tx, event.COUNTRY_PAUSED, subject=region, now=now, region=region, verified=sum(outcomes),
        sent=len(outcomes), until_at=until,
    )  # fmt: skip
    return closed


def _close(tx: Tx, key: str, rule: Rule, *, now: int) -> int:
    state = throttle.count(throttle.State(), rule, now=now)
    throttles.save(tx, key, state, now=now)
    return state.until_at
