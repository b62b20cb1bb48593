"""Current figures from the database for `/metrics`: counts only, never a person."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass

from twostep.core.messages.channel import Channel
from twostep.flows.messages.budget import DAY_SECONDS, budgets
from twostep.flows.messages.failover import skipped_providers, troubled_channels
from twostep.flows.turn import Turn, TurnOpener
from twostep.store.messages import alarms, outbox, provider_tries, sends
from twostep.store.messages.provider_tries import ProviderTries
from twostep.store.messages.sends import Tally
from twostep.store.sign_in import throttles


MOST_ALARMS = 1000
MOST_SPEEDS = 1000


@dataclass(frozen=True, slots=True)
class Figures:
    """`messages`: by channel and state, from the last 24 hours plus all still waiting;
    `waiting_since`: by channel, when the oldest waiting one was created; `alarms`: of the last 24
    hours by event; `budgets`: used and limit by span; `troubled`: channels that do not work;
    `passed_by`: providers that are skipped for a while. `sends`: texts and calls of the last 24
    hours; `accept_seconds`, `deliver_seconds`: of the newest of those, by provider. `tries`: each
    provider's of this UTC day."""

    messages: Mapping[tuple[str, str], int]
    waiting_since: Mapping[str, int]
    alarms: Mapping[str, int]
    budgets: Mapping[str, tuple[int, int]]
    troubled: frozenset[Channel]
    passed_by: frozenset[str]
    sends: Sequence[Tally]
    accept_seconds: Mapping[str, Sequence[int]]
    deliver_seconds: Mapping[str, Sequence[int]]
    tries: Sequence[ProviderTries]


@dataclass(frozen=True, slots=True)
class _Day:
    """Counts that read every row of the last 24 hours: finished messages, and sends."""

    messages: Sequence[outbox.Counted]
    sends: Sequence[Tally]


async def view_figures(opener: TurnOpener) -> Figures:
    """Read the figures; slow counts are cached for a while. Raises `StoreUnavailable`."""

    def count() -> Awaitable[_Day]:
        return opener.read_aside(_count_day, since=opener.now - DAY_SECONDS)

    return await opener.read(_view, await opener.env.counters.day.get(count))


def _count_day(turn: Turn, *, since: int) -> _Day:
    return _Day(outbox.count_finished(turn.tx, since=since), sends.tally(turn.tx, since=since))


def _view(turn: Turn, day: _Day) -> Figures:
    since = turn.now - DAY_SECONDS
    messages: dict[tuple[str, str], int] = defaultdict(int)
    waiting_since: dict[str, int] = {}
    waiting = outbox.count_waiting(turn.tx)
    for channel, _, state, _, count, _ in [*waiting, *day.messages]:
        messages[channel, state] += count
    for channel, _, _, _, _, oldest_at in waiting:
        waiting_since[channel] = min(oldest_at, waiting_since.get(channel, oldest_at))
    accepts: dict[str, list[int]] = defaultdict(list)
    delivers: dict[str, list[int]] = defaultdict(list)
    for provider, accept, deliver in sends.list_speeds(turn.tx, since=since, limit=MOST_SPEEDS):
        if accept is not None:
            accepts[provider].append(accept)
        if deliver is not None:
            delivers[provider].append(deliver)
    newest = alarms.list_newest(turn.tx, since=since, limit=MOST_ALARMS)
    return Figures(
        messages=dict(messages),
        waiting_since=waiting_since,
        alarms=Counter(alarm.event for alarm in newest),
        budgets={
            budget.span: (throttles.load(turn.tx, budget.key).count, budget.limit)
            for budget in budgets(turn.env, now=turn.now)
        },
        troubled=troubled_channels(turn),
        passed_by=skipped_providers(turn),
        sends=day.sends,
        accept_seconds=accepts,
        deliver_seconds=delivers,
        tries=provider_tries.list_since(turn.tx, turn.now // DAY_SECONDS),
    )
