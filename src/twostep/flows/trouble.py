"""Whether texts or calls work at all right now: the truth that pages tell."""

from __future__ import annotations

from twostep.core.breaker import Breaker, is_open
from twostep.flows.env import Env
from twostep.store import provider_states
from twostep.store.tx import Tx


def passed_by(tx: Tx, *, now: int) -> frozenset[str]:
    """Providers that kept failing and are left out for a while."""
    return frozenset(
        state.name
        for state in provider_states.list_all(tx)
        if is_open(Breaker(open_until=state.open_until), now=now)
    )


def troubled_channels(tx: Tx, env: Env, *, now: int) -> frozenset[str]:
    """Channels (sms, call) that have providers, every one of which is being passed by."""
    out = passed_by(tx, now=now)
    named = {"sms": env.settings.sms_providers, "call": env.settings.call_providers}
    return frozenset(
        channel for channel, providers in named.items() if providers and out.issuperset(providers)
    )
