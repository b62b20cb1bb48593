"""Count a request against its limits, or refuse it."""

from __future__ import annotations

from twostep.core.refusal import Reason, Refused
from twostep.core.sign_in import throttle
from twostep.core.sign_in.throttle import Rule
from twostep.store.sign_in import throttles
from twostep.store.tx import Tx


_DAY_SECONDS = 86_400


def count_all(tx: Tx, rules: list[tuple[str, Rule]], *, now: int) -> Refused | None:
    """Count once against every rule; if any is used up, refuse and count nothing."""
    states = {key: throttles.lock(tx, key, now=now) for key, _ in sorted(rules)}
    waits = [
        Refused(Reason.SEND_LIMIT, retry_at=until, detail={"scope": rule.scope})
        for key, rule in rules
        if (until := _used_up_until(states[key], rule, now=now))
    ]
    if waits:
        return max(waits, key=lambda refused: refused.retry_at or 0)
    for key, rule in rules:
        throttles.save(tx, key, throttle.count(states[key], rule, now=now), now=now)
    return None


def _used_up_until(state: throttle.State, rule: Rule, *, now: int) -> int | None:
    """When the window ends, if its allowance is used up.

    Judged by the count rather than the stored wait, because the budget's row serves two limits.
    """
    window = rule.window_seconds or _DAY_SECONDS
    if rule.whole_spans:
        return (now // window + 1) * window if state.count >= rule.limit else None
    if rule.limit <= 0:
        return now + window
    if 0 <= now - state.since_at < window and state.count >= rule.limit:
        return state.since_at + window
    return None
