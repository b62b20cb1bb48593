"""How sending goes, for the operator: what waits, what arrived, what failed and why."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.flows.budget import DAY_SECONDS
from twostep.flows.env import Env
from twostep.store import outbox, throttles
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of one channel that got equally far. `oldest_at`: when the first of them was made."""

    channel: str
    provider: str
    state: str
    reason: str
    count: int
    oldest_at: int


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """The last 24 hours. `providers`: by channel, in the order in which they are tried.

    `sent_today`: texts and calls of this UTC day, against `daily_budget`.
    """

    providers: dict[str, tuple[str, ...]]
    sent_today: int
    daily_budget: int
    messages: tuple[Messages, ...]


def view_delivery_status(tx: Tx, env: Env, *, now: int) -> DeliveryStatus:
    """Count messages by how far they got."""
    settings = env.settings
    budget = throttles.load(tx, f"send.budget:{now // DAY_SECONDS}")
    return DeliveryStatus(
        providers={
            "sms": settings.sms_providers,
            "call": settings.call_providers,
            "email": settings.email_providers,
        },
        sent_today=budget.count,
        daily_budget=settings.delivery.daily_budget,
        messages=tuple(
            Messages(*row) for row in outbox.count_by_state(tx, since=now - DAY_SECONDS)
        ),
    )
