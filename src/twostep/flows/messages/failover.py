"""Providers in their order, each behind its circuit breaker, and the words that change with them.

Another provider is tried at once where a message surely was not sent, and never where it will not
work anywhere or where nobody knows. The breakers live in the sending process; what they say is also
written down, so that pages, commands and other processes know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from twostep.core.audit import event
from twostep.core.messages import breaker
from twostep.core.messages.breaker import Breaker, is_open
from twostep.core.outage import StoreUnavailable
from twostep.delivery import channel as port
from twostep.delivery.channel import Channel, Kind
from twostep.delivery.message import Message
from twostep.flows.audit.alarm import raise_alarm
from twostep.flows.env import Env
from twostep.flows.turn import Turn, by_system
from twostep.store.messages import provider_states
from twostep.store.messages.outbox import OutboxRow
from twostep.store.messages.provider_states import ProviderState


log = structlog.get_logger(__name__)

MOST_AT_ONCE = 3  # of up to 15 seconds each: all before the lease of a minute ends


@dataclass(frozen=True, slots=True)
class Handed:
    """What the last provider that was tried said."""

    answer: port.Outcome
    provider: str


class Failover:
    """Every provider of one process."""

    def __init__(self, channels: Mapping[Kind, Sequence[Channel]]) -> None:
        self._channels = channels
        self._breakers: dict[str, Breaker] = {}

    async def hand_over(
        self, env: Env, row: OutboxRow, message: Message, *, region: str
    ) -> Handed | None:
        """Try the providers of the message's kind and country; None: every one is passed by."""
        handed = None
        for channel in self._candidates(env, row, region):
            let_through = breaker.try_sending(self._breaker(channel.name), now=env.clock())
            if let_through is None:
                continue
            self._breakers[channel.name] = let_through
            answer = await port.send_in_time(channel, message, now=env.clock())
            handed = Handed(answer, channel.name)
            await self._note(env, handed)
            if isinstance(answer, port.Accepted | port.Permanent | port.Ambiguous):
                break
        return handed

    def _candidates(self, env: Env, row: OutboxRow, region: str) -> Iterator[Channel]:
        kind = Kind(row.channel)
        by_name = {channel.name: channel for channel in self._channels.get(kind, ())}
        names = order(env, kind, region)
        # Channels that no setting names are a demo's or a test's own.
        chosen = [by_name[name] for name in names if name in by_name] or list(by_name.values())
        # One that gave no answer is asked last when the message goes out once more.
        chosen.sort(key=lambda channel: channel.name == row.provider)
        yield from chosen[:MOST_AT_ONCE]

    def _breaker(self, name: str) -> Breaker:
        return self._breakers.get(name, Breaker())

    async def _note(self, env: Env, handed: Handed) -> None:
        """Move the provider's breaker, and write down where that changes anything."""
        name, answer, now = handed.provider, handed.answer, env.clock()
        old = self._breaker(name)
        reason = ""
        if isinstance(answer, port.Temporary | port.Ambiguous | port.Misconfigured):
            new = breaker.fail(old, now=now)
            reason = answer.detail
            log.warning("outbox.provider_failed", provider=name, reason=reason)
        else:
            new = breaker.succeed(old)
        self._breakers[name] = new
        if new.open_until != old.open_until:
            state = ProviderState(name, new.open_until, reason, now)
            try:
                await by_system(env).run(_save_state, state, was_open=old.open_until > 0)
            except StoreUnavailable:
                log.warning("outbox.not_written_down")


def order(env: Env, kind: Kind, region: str) -> tuple[str, ...]:
    """Names of the providers of a kind, in the order in which that country tries them."""
    settings = env.settings
    defaults = {
        Kind.SMS: settings.sms_providers,
        Kind.CALL: settings.call_providers,
        Kind.EMAIL: settings.email_providers,
    }
    if kind is Kind.EMAIL:
        return defaults[kind]
    return settings.delivery.country_providers.get(region) or defaults[kind]


def _save_state(turn: Turn, state: ProviderState, *, was_open: bool) -> None:
    provider_states.save(turn.tx, state)
    if state.open_until == 0:
        raise_alarm(turn, event.PROVIDER_RESTORED, subject=state.name, provider=state.name)
    elif not was_open:
        raise_alarm(
            turn,
            event.PROVIDER_TRIPPED,
            subject=state.name,
            provider=state.name,
            reason=state.reason,
        )


def passed_by(turn: Turn) -> frozenset[str]:
    """Providers that kept failing and are left out for a while."""
    return frozenset(
        state.name
        for state in provider_states.list_all(turn.tx)
        if is_open(Breaker(open_until=state.open_until), now=turn.now)
    )


def troubled_channels(turn: Turn) -> frozenset[str]:
    """Channels (sms, call) that have providers, every one of which is being passed by."""
    out = passed_by(turn)
    named = {"sms": turn.env.settings.sms_providers, "call": turn.env.settings.call_providers}
    return frozenset(
        channel for channel, providers in named.items() if providers and out.issuperset(providers)
    )
