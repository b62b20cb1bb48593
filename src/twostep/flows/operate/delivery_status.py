"""How sending goes, for the operator: what waits, what arrived, what failed and why, what it used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from twostep.core.messages.breaker import Breaker, is_open
from twostep.core.messages.channel import Channel
from twostep.delivery.providers import build_callbacks, named_providers
from twostep.delivery.text_message import fullest
from twostep.flows.env import Env
from twostep.flows.messages.budget import DAY_SECONDS, budgets
from twostep.flows.messages.failover import troubled_channels
from twostep.flows.turn import Turn
from twostep.store.messages import alarms, opt_outs, outbox, provider_states, sends
from twostep.store.messages.alarms import Alarm
from twostep.store.messages.sends import Tally
from twostep.store.sign_in import throttles


DAYS = 14
MOST_ALARMS = 50
# What a state of the outbox is called here; what waits for a second copy counts as queued.
_ARRIVED = frozenset({"accepted", "delivered"})


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of one channel that got equally far. `oldest_at`: when the first of them was made."""

    channel: Channel
    provider: str
    state: str
    reason: str
    count: int
    oldest_at: int


@dataclass(frozen=True, slots=True)
class Count:
    """Texts and calls of one day and country; `region` empty: of all countries.

    `day_at`: the UTC day's beginning. `queued`: still on their way; `accepted`: taken by a provider,
    those delivered among them; `failed`: by reason. `verified`: their codes were typed.
    `verify_seconds`: median from queuing to typing, None: none was. `accept_seconds`: mean until a
    provider took them.
    """

    day_at: int
    region: str
    sent: int
    queued: int
    accepted: int
    delivered: int
    failed: Mapping[str, int]
    verified: int
    verify_seconds: int | None
    accept_seconds: float | None


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """One provider over the days shown. `open_until`: passed by until then, 0: not passed by."""

    name: str
    channels: tuple[Channel, ...]
    open_until: int
    reason: str
    accepted: int
    failed: int
    accept_seconds: float | None


@dataclass(frozen=True, slots=True)
class Used:
    """What is used of a budget. `span`: day or hour; `open_limit`: for unconfirmed numbers."""

    span: str
    used: int
    limit: int
    open_limit: int


@dataclass(frozen=True, slots=True)
class TextLength:
    """The longest text with a code in one language. `units`: of the `limit` of one segment."""

    language: str
    encoding: str
    units: int
    limit: int
    segments: int


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """`messages`: of the last 24 hours; `days`, `countries`: texts and calls of the last days, newest
    first. `providers`: by channel, in the order in which they are tried. `sent_today`: texts and
    calls of this UTC day, against `daily_budget`. `troubled`: channels that do not work right now.
    `replies`: where providers post what people text back, by provider.
    """

    providers: Mapping[Channel, tuple[str, ...]]
    sent_today: int
    daily_budget: int
    messages: tuple[Messages, ...]
    days: tuple[Count, ...] = ()
    countries: tuple[Count, ...] = ()
    budgets: tuple[Used, ...] = ()
    health: tuple[ProviderHealth, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    troubled: tuple[Channel, ...] = ()
    opted_out: int = 0
    texts: tuple[TextLength, ...] = ()
    replies: Mapping[str, str] = field(default_factory=dict)


def view_delivery_status(turn: Turn, *, days: int = DAYS) -> DeliveryStatus:
    """Count messages by how far they got."""
    settings = turn.env.settings
    since = (turn.now // DAY_SECONDS - days + 1) * DAY_SECONDS
    tallies = sends.tally(turn.tx, since=since)
    verifying: dict[tuple[int, str], list[int]] = defaultdict(list)
    for day, region, seconds in sends.list_verify_seconds(turn.tx, since=since):
        verifying[day, region].append(seconds)
        verifying[day, ""].append(seconds)
    providers = named_providers(settings)
    used = tuple(
        Used(one.span, throttles.load(turn.tx, one.key).count, one.limit, one.open_limit)
        for one in budgets(turn.env, now=turn.now)
    )
    return DeliveryStatus(
        providers=providers,
        sent_today=used[0].used,
        daily_budget=settings.delivery.daily_budget,
        messages=tuple(
            Messages(Channel(row[0]), *row[1:])
            for row in sorted(
                outbox.count_waiting(turn.tx)
                + outbox.count_finished(turn.tx, since=turn.now - DAY_SECONDS)
            )
        ),
        days=_counts(tallies, verifying, by_region=False),
        countries=_counts(tallies, verifying, by_region=True),
        budgets=used,
        health=_health(turn, tallies, providers),
        alarms=tuple(alarms.list_newest(turn.tx, since=since, limit=MOST_ALARMS)),
        troubled=tuple(sorted(troubled_channels(turn))),
        opted_out=opt_outs.count(turn.tx),
        texts=_texts(turn.env),
        replies={
            name: settings.public_url + callbacks.inbound_path()
            for name, callbacks in build_callbacks(settings).items()
        },
    )


def _texts(env: Env) -> tuple[TextLength, ...]:
    settings = env.settings
    longest = fullest(
        panel=settings.panel_name, host=env.public_host, app_hash=settings.delivery.app_hash
    )
    return tuple(
        TextLength(code, one.encoding, one.units, one.limit, one.count) for code, one in longest
    )


def _counts(
    tallies: Iterable[Tally], verifying: Mapping[tuple[int, str], list[int]], *, by_region: bool
) -> tuple[Count, ...]:
    groups: dict[tuple[int, str], list[Tally]] = defaultdict(list)
    for one in tallies:
        groups[one.day, one.region if by_region else ""].append(one)
    newest_first = sorted(groups, key=lambda key: (-key[0], key[1]))
    return tuple(_count(key, groups[key], verifying.get(key, [])) for key in newest_first)


def _count(key: tuple[int, str], group: list[Tally], seconds: list[int]) -> Count:
    failed: dict[str, int] = defaultdict(int)
    for one in group:
        if one.state in {"failed", "expired"}:
            failed[one.reason or one.state] += one.count
    return Count(
        day_at=key[0] * DAY_SECONDS,
        region=key[1],
        sent=sum(one.count for one in group),
        queued=sum(one.count for one in group if one.state == "queued"),
        accepted=sum(one.count for one in group if one.state in _ARRIVED),
        delivered=sum(one.count for one in group if one.state == "delivered"),
        failed=dict(sorted(failed.items())),
        verified=sum(one.verified for one in group),
        verify_seconds=round(median(seconds)) if seconds else None,
        accept_seconds=_mean_accept(group),
    )


def _mean_accept(group: Iterable[Tally]) -> float | None:
    group = list(group)
    accepts = sum(one.accepts for one in group)
    return round(sum(one.accept_seconds for one in group) / accepts, 1) if accepts else None


def _health(
    turn: Turn, tallies: list[Tally], providers: Mapping[Channel, tuple[str, ...]]
) -> tuple[ProviderHealth, ...]:
    states = {state.name: state for state in provider_states.list_all(turn.tx)}
    used = [one.provider for one in tallies if one.provider]
    names = dict.fromkeys([*(name for names in providers.values() for name in names), *used])
    found = []
    for name in names:
        state = states.get(name)
        own = [one for one in tallies if one.provider == name]
        out = state is not None and is_open(Breaker(open_until=state.open_until), now=turn.now)
        found.append(
            ProviderHealth(
                name=name,
                channels=tuple(one for one, several in providers.items() if name in several),
                open_until=state.open_until if state and out else 0,
                reason=state.reason if state and out else "",
                accepted=sum(one.count for one in own if one.state in _ARRIVED),
                failed=sum(one.count for one in own if one.state == "failed"),
                accept_seconds=_mean_accept(own),
            )
        )
    return tuple(found)
