"""Try providers in order, each behind its own circuit breaker.

The next provider is tried at once if the message was certainly not sent, but never if it would fail
everywhere or if the outcome is unknown. The breakers live in the sending process; their state is also
stored for pages, commands and other processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from twostep.flows.messages.budget import DAY_SECONDS
from twostep.flows.turn import Turn, by_system
from twostep.store.messages import alarms, provider_states, provider_tries
from twostep.store.messages.outbox import OutboxRow
from twostep.store.messages.provider_states import ProviderState
from twostep.store.messages.provider_tries import ProviderTries


log = structlog.get_logger(__name__)

MOST_UNUSABLE = 3  # accounts in a row whose addresses may be unknown to the mail server
FEWEST_FAILURES = 3  # of a day, before a share of them says anything
MOST_AT_ONCE = 3  # up to 15 seconds each, so all finish within the one-minute lease


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What one provider answered. `is_healed`: it has just taken its first message since it failed,
    or since this process started."""

    answer: port.SendOutcome
    provider: str
    is_healed: bool = False

    @property
    def failure(self) -> str:
        """What the provider itself did badly, for the operator; empty if nothing."""
        match self.answer:
            case port.Temporary(detail, is_about_recipient=False):
                return detail
            case port.Ambiguous(detail) | port.Misconfigured(detail):
                return detail
            case port.Throttled():
                return "too many at once"
            case _:
                return ""


class Failover:
    """The providers of one process and their breakers."""

    def __init__(self, carriers: Mapping[Channel, Sequence[Carrier]]) -> None:
        self._carriers = carriers
        self._breakers: dict[str, Breaker] = {}
        self._working: set[str] = set()  # those whose last answer was a proper one
        self._unusable: dict[str, list[str]] = {}  # accounts in a row, by provider

    async def hand_over(
        self, env: Env, row: OutboxRow, message: Message, *, region: str
    ) -> list[ProviderAnswer]:
        """Try the providers for the message's channel and country; empty if all are skipped."""
        tries: list[ProviderAnswer] = []
        for carrier in self._candidates(env, row, region):
            allowed = breaker.try_sending(self._breaker(carrier.name), now=env.clock())
            if allowed is None:
                continue
            self._breakers[carrier.name] = allowed
            answer = await port.send_in_time(carrier, message, now=env.clock())
            answer = self._doubt(row, answer, provider=carrier.name)
            is_healed = isinstance(answer, port.Accepted) and carrier.name not in self._working
            tries.append(ProviderAnswer(answer, carrier.name, is_healed=is_healed))
            await self._record(env, tries[-1])
            if isinstance(answer, port.Accepted | port.Permanent | port.Ambiguous):
                break
        return tries

    def _doubt(
        self, row: OutboxRow, answer: port.SendOutcome, *, provider: str
    ) -> port.SendOutcome:
        """Addresses of several accounts in a row do not all stop existing at once: then the fault is
        in what we send or how, and nobody's mail may be lost for it.

        Only mail: numbers are typed at the moment, and several wrong ones in a row are nothing odd.
        """
        if row.channel is not Channel.EMAIL:
            return answer
        if not (isinstance(answer, port.Permanent) and answer.reason is port.Failure.UNUSABLE):
            if isinstance(answer, port.Accepted):
                self._unusable.pop(provider, None)
            return answer
        seen = self._unusable.setdefault(provider, [])
        if row.account_id not in seen:
            seen.append(row.account_id)
        if len(seen) < MOST_UNUSABLE:
            return answer
        del seen[:-MOST_UNUSABLE]
        return port.Misconfigured(
            f"addresses of {MOST_UNUSABLE} accounts in a row: {answer.detail}"
        )

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
        reason = last.failure
        if isinstance(answer, port.Permanent | port.Temporary) and not reason:
            log.warning("outbox.message_refused", provider=name, reason=answer.detail)
        if reason and not isinstance(answer, port.Throttled):
            new = breaker.fail(old, now=now)
            self._working.discard(name)
            log.warning("outbox.provider_failed", provider=name, reason=reason)
        else:
            new = breaker.succeed(old)
            if isinstance(answer, port.Accepted):
                self._working.add(name)
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


def count_tries(turn: Turn, tries: Iterable[ProviderAnswer]) -> None:
    """Count what each provider did, and raise an alarm, once a day, for one that mostly fails.

    Five failures within a minute never happen where two texts an hour are sent, and with a second
    provider nobody else would notice.
    """
    day = turn.now // DAY_SECONDS
    for each in tries:
        today = provider_tries.add(
            turn.tx,
            ProviderTries(
                provider=each.provider,
                day=day,
                accepted=int(isinstance(each.answer, port.Accepted)),
                refused=int(not isinstance(each.answer, port.Accepted) and not each.failure),
                failed=int(bool(each.failure)),
                reason=each.failure,
            ),
        )
        kind, since = event.PROVIDER_FAILING, day * DAY_SECONDS
        if is_failing(today) and not alarms.is_recent(
            turn.tx, kind, subject=each.provider, since=since
        ):
            raise_alarm(
                turn,
                kind,
                subject=each.provider,
                provider=each.provider,
                failed=today.failed,
                tries=today.accepted + today.refused + today.failed,
                reason=today.reason,
            )


def is_failing(tries: ProviderTries) -> bool:
    """Whether a provider failed at least half of a day's tries, and more than once or twice."""
    return tries.failed >= FEWEST_FAILURES and tries.failed >= tries.accepted + tries.refused


def failing_providers(turn: Turn) -> dict[str, ProviderTries]:
    """Providers that failed most of what they were given today or yesterday, the newest day's."""
    yesterday = turn.now // DAY_SECONDS - 1
    newest = {row.provider: row for row in provider_tries.list_since(turn.tx, yesterday)}
    return {name: row for name, row in newest.items() if is_failing(row)}


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
