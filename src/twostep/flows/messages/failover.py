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
from twostep.core.messages.channel import CODE_CHANNELS, Channel
from twostep.core.outage import StoreUnavailable
from twostep.delivery import port
from twostep.delivery.message import Message
from twostep.delivery.port import Carrier
from twostep.delivery.providers import named_providers
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

    answer: port.SendOutcome
    provider: str


class Failover:
    """Every provider of one process."""

    def __init__(self, carriers: Mapping[Channel, Sequence[Carrier]]) -> None:
        self._carriers = carriers
        self._breakers: dict[str, Breaker] = {}

    async def hand_over(
        self, env: Env, row: OutboxRow, message: Message, *, region: str
    ) -> Handed | None:
        """Try the providers of the message's channel and country; None: every one is passed by."""
        handed = None
        for carrier in self._candidates(env, row, region):
            let_through = breaker.try_sending(self._breaker(carrier.name), now=env.clock())
            if let_through is None:
                continue
            self._breakers[carrier.name] = let_through
            answer = await port.send_in_time(carrier, message, now=env.clock())
            handed = Handed(answer, carrier.name)
            await self._note(env, handed)
            if isinstance(answer, port.Accepted | port.Permanent | port.Ambiguous):
                break
        return handed

    def _candidates(self, env: Env, row: OutboxRow, region: str) -> Iterator[Carrier]:
        by_name = {one.name: one for one in self._carriers.get(row.channel, ())}
        names = order(env, row.channel, region)
        # Carriers that no setting names are a demo's or a test's own.
        chosen = [by_name[name] for name in names if name in by_name] or list(by_name.values())
        # One that gave no answer is asked last when the message goes out once more.
        chosen.sort(key=lambda carrier: carrier.name == row.provider)
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


def order(env: Env, channel: Channel, region: str) -> tuple[str, ...]:
    """Names of the providers of a channel, in the order in which that country tries them."""
    named = named_providers(env.settings)[channel]
    if channel is Channel.EMAIL:
        return named
    return env.settings.delivery.country_providers.get(region) or named


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


def troubled_channels(turn: Turn) -> frozenset[Channel]:
    """Channels of codes that have providers, every one of which is being passed by."""
    out = passed_by(turn)
    named = named_providers(turn.env.settings)
    return frozenset(
        channel for channel in CODE_CHANNELS if named[channel] and out.issuperset(named[channel])
    )
