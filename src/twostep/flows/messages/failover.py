"""Try providers in order, each behind its own circuit breaker.

The next provider is tried at once if the message was certainly not sent, but never if it would fail
everywhere or if the outcome is unknown. The breakers live in the sending process; their state is also
stored for pages, commands and other processes.
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

MOST_AT_ONCE = 3  # up to 15 seconds each, so all finish within the one-minute lease


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """The answer of the last provider tried."""

    answer: port.SendOutcome
    provider: str


class Failover:
    """The providers of one process and their breakers."""

    def __init__(self, carriers: Mapping[Channel, Sequence[Carrier]]) -> None:
        self._carriers = carriers
        self._breakers: dict[str, Breaker] = {}

    async def hand_over(
        self, env: Env, row: OutboxRow, message: Message, *, region: str
    ) -> ProviderAnswer | None:
        """Try the providers for the message's channel and country; None if all are skipped."""
        last = None
        for carrier in self._candidates(env, row, region):
            allowed = breaker.try_sending(self._breaker(carrier.name), now=env.clock())
            if allowed is None:
                continue
            self._breakers[carrier.name] = allowed
            answer = await port.send_in_time(carrier, message, now=env.clock())
            last = ProviderAnswer(answer, carrier.name)
            await self._record(env, last)
            if isinstance(answer, port.Accepted | port.Permanent | port.Ambiguous):
                break
        return last

    def _candidates(self, env: Env, row: OutboxRow, region: str) -> Iterator[Carrier]:
        by_name = {carrier.name: carrier for carrier in self._carriers.get(row.channel, ())}
        names = order(env, row.channel, region)
        # Carriers that no setting names come from the demo or from a test.
        chosen = [by_name[name] for name in names if name in by_name] or list(by_name.values())
        # When a message is sent again, the provider that did not answer goes last.
        chosen.sort(key=lambda carrier: carrier.name == row.provider)
        yield from chosen[:MOST_AT_ONCE]

    def _breaker(self, name: str) -> Breaker:
        return self._breakers.get(name, Breaker())

    async def _record(self, env: Env, last: ProviderAnswer) -> None:
        """Update the provider's breaker, and store its state if it opened or closed."""
        name, answer, now = last.provider, last.answer, env.clock()
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
    """The channel's provider names, in the order to try for this country."""
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


def skipped_providers(turn: Turn) -> frozenset[str]:
    """Providers that are skipped for a while because they kept failing."""
    return frozenset(
        state.name
        for state in provider_states.list_all(turn.tx)
        if is_open(Breaker(open_until=state.open_until), now=turn.now)
    )


def troubled_channels(turn: Turn) -> frozenset[Channel]:
    """Code channels that have providers, all of which are being skipped."""
    skipped = skipped_providers(turn)
    named = named_providers(turn.env.settings)
    return frozenset(
        channel
        for channel in CODE_CHANNELS
        if named[channel] and skipped.issuperset(named[channel])
    )
