"""The delivery status for operators: messages by outcome, provider health and use of the budgets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from twostep.config import Settings
from twostep.core.email_address import mask_address
from twostep.core.messages.breaker import Breaker, is_open
from twostep.core.messages.channel import Channel
from twostep.delivery.providers import build_callbacks, named_providers
from twostep.delivery.text_message import fullest
from twostep.flows.env import Env
from twostep.flows.messages.budget import DAY_SECONDS, budgets
from twostep.flows.messages.failover import failing_providers, troubled_channels
from twostep.flows.turn import Turn
from twostep.store.account import addresses
from twostep.store.messages import alarms, opt_outs, outbox, provider_states, provider_tries, sends
from twostep.store.messages.alarms import Alarm
from twostep.store.messages.sends import Tally
from twostep.store.sign_in import throttles


DAYS = 14
MOST_ALARMS = 50
# Outbox states that count as accepted by a provider.
_ACCEPTED = frozenset({"accepted", "delivered"})


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages with the same channel, provider, state and reason. `oldest_at`: the first one's creation."""

    channel: Channel
    provider: str
    state: str
    reason: str
    count: int
    oldest_at: int


@dataclass(frozen=True, slots=True)
class Count:
    """Texts and calls of one day in one country, or in all if `region` is empty.

    `day_at`: the start of the UTC day. `queued`: waiting for a first or a second copy; `accepted`: by
    a provider, including those delivered; `failed`: by reason. `verified`: the code was entered.
    `verify_seconds`: median time from queueing to entry, None if there was none. `accept_seconds`:
    mean time until a provider accepted.
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
    """One provider's tries over the days shown, mails included. `open_until`: skipped until then; 0 if
    it is in use. `refused`: for the message's own sake; `failed`: by the provider's fault.
    `failing_reason`: what it says, if it failed most of today's or yesterday's tries.
    """

    name: str
    channels: tuple[Channel, ...]
    open_until: int
    reason: str
    accepted: int
    refused: int
    failed: int
    failing_reason: str
    accept_seconds: float | None


@dataclass(frozen=True, slots=True)
class Bounce:
    """An address of an account whose mail came back. `address` is masked."""

    name: str
    address: str
    at: int


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a budget is used. `span`: day or hour; `open_limit`: for unconfirmed numbers."""

    span: str
    used: int
    limit: int
    open_limit: int


@dataclass(frozen=True, slots=True)
class TextLength:
    """The longest text with a code in one language. `units`: out of one segment's `limit`."""

    language: str
    encoding: str
    units: int
    limit: int
    segments: int


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """`messages`: of the last 24 hours; `days`, `countries`: texts and calls of recent days, newest
    first. `providers`: by channel, in the order they are tried. `sent_today`: texts and calls of this
    UTC day, against `daily_budget`. `troubled`: channels that do not work right now. `replies`: the
    URLs where providers post people's replies, by provider.
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
    bounces: tuple[Bounce, ...] = ()
    replies: Mapping[str, str] = field(default_factory=dict)


def view_delivery_status(turn: Turn, *, days: int = DAYS) -> DeliveryStatus:
    """Read the delivery status; counts cover the last `days` days."""
    settings = turn.env.settings
    since = (turn.now // DAY_SECONDS - days + 1) * DAY_SECONDS
    tallies = sends.tally(turn.tx, since=since)
    verifying: dict[tuple[int, str], list[int]] = defaultdict(list)
    for day, region, seconds in sends.list_verify_seconds(turn.tx, since=since):
        verifying[day, region].append(seconds)
        verifying[day, ""].append(seconds)
    providers = named_providers(settings)
    used = tuple(
        Used(
            budget.span,
            throttles.load(turn.tx, budget.key).count,
            budget.limit,
            budget.open_limit,
        )
        for budget in budgets(turn.env, now=turn.now)
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
        health=_health(turn, tallies, providers, days=days),
        alarms=tuple(alarms.list_newest(turn.tx, since=since, limit=MOST_ALARMS)),
        troubled=tuple(sorted(troubled_channels(turn))),
        opted_out=opt_outs.count(turn.tx),
        texts=_texts(turn.env),
        bounces=_bounces(turn, since=since),
        replies=_replies(settings),
    )


def _bounces(turn: Turn, *, since: int) -> tuple[Bounce, ...]:
    bounced = addresses.list_bounced(turn.tx, since=since, limit=MOST_ALARMS)
    return tuple(Bounce(name, mask_address(address), at) for name, address, at in bounced)


def _replies(settings: Settings) -> dict[str, str]:
    return {
        name: settings.public_url + callbacks.inbound_path()
        for name, callbacks in build_callbacks(settings).items()
    }


def _texts(env: Env) -> tuple[TextLength, ...]:
    settings = env.settings
    longest = fullest(
        panel=settings.panel_name, host=env.public_host, app_hash=settings.delivery.app_hash
    )
    return tuple(
        TextLength(language, text.encoding, text.units, text.limit, text.count)
        for language, text in longest
    )


def _counts(
    tallies: Iterable[Tally], verifying: Mapping[tuple[int, str], list[int]], *, by_region: bool
) -> tuple[Count, ...]:
    groups: dict[tuple[int, str], list[Tally]] = defaultdict(list)
    for tally in tallies:
        groups[tally.day, tally.region if by_region else ""].append(tally)
    newest_first = sorted(groups, key=lambda key: (-key[0], key[1]))
    return tuple(_count(key, groups[key], verifying.get(key, [])) for key in newest_first)


def _count(key: tuple[int, str], group: list[Tally], seconds: list[int]) -> Count:
    failed: dict[str, int] = defaultdict(int)
    for tally in group:
        if tally.state in {"failed", "expired"}:
            failed[tally.reason or tally.state] += tally.count
    return Count(
        day_at=key[0] * DAY_SECONDS,
        region=key[1],
        sent=sum(tally.count for tally in group),
        queued=sum(tally.count for tally in group if tally.state == "queued"),
        accepted=sum(tally.count for tally in group if tally.state in _ACCEPTED),
        delivered=sum(tally.count for tally in group if tally.state == "delivered"),
        failed=dict(sorted(failed.items())),
        verified=sum(tally.verified for tally in group),
        verify_seconds=round(median(seconds)) if seconds else None,
        accept_seconds=_mean_accept(group),
    )


def _mean_accept(group: Iterable[Tally]) -> float | None:
    group = list(group)
    accepts = sum(tally.accepts for tally in group)
    return round(sum(tally.accept_seconds for tally in group) / accepts, 1) if accepts else None


def _health(
    turn: Turn, tallies: list[Tally], providers: Mapping[Channel, tuple[str, ...]], *, days: int
) -> tuple[ProviderHealth, ...]:
    states = {state.name: state for state in provider_states.list_all(turn.tx)}
    first_day = turn.now // DAY_SECONDS - days + 1
    tries = provider_tries.list_since(turn.tx, first_day)
    failing = failing_providers(turn)
    used = [row.provider for row in tries]
    names = dict.fromkeys([*(name for order in providers.values() for name in order), *used])
    health = []
    for name in names:
        state = states.get(name)
        group = [tally for tally in tallies if tally.provider == name]
        days_of_it = [row for row in tries if row.provider == name]
        skipped = state is not None and is_open(Breaker(open_until=state.open_until), now=turn.now)
        health.append(
            ProviderHealth(
                name=name,
                channels=tuple(channel for channel, order in providers.items() if name in order),
                open_until=state.open_until if state and skipped else 0,
                reason=state.reason if state and skipped else "",
                accepted=sum(row.accepted for row in days_of_it),
                refused=sum(row.refused for row in days_of_it),
                failed=sum(row.failed for row in days_of_it),
                failing_reason=failing[name].reason if name in failing else "",
                accept_seconds=_mean_accept(group),
            )
        )
    return tuple(health)
