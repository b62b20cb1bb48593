"""The hourly and daily limits (UTC) on texts and calls across all accounts.

Unconfirmed numbers may use four fifths; the last fifth is reserved for signing in.
"""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.audit import event
from twostep.core.refusal import Scope
from twostep.core.sign_in.throttle import Rule
from twostep.flows.audit.alarm import raise_alarm
from twostep.flows.env import Env
from twostep.flows.turn import Turn
from twostep.store.sign_in import throttles


RESERVE = 0.2
HALF = 0.5
DAY_SECONDS = 86_400
HOUR_SECONDS = 3600
NAME = "send.budget"


@dataclass(frozen=True, slots=True)
class Budget:
    """One hour or day. `limit`: for all numbers; `key`: its counter's; `ends_at`: Unix seconds."""

    span: str
    key: str
    limit: int
    seconds: int
    ends_at: int

    @property
    def open_limit(self) -> int:
        """The share that unconfirmed numbers may use."""
        return int(self.limit * (1 - RESERVE))

    def rule(self, *, confirmed: bool) -> Rule:
        """The limit as a throttle rule."""
        return Rule(
            NAME,
            self.limit if confirmed else self.open_limit,
            self.seconds,
            whole_spans=True,
            scope=Scope.PANEL,
        )


def budgets(env: Env, *, now: int) -> tuple[Budget, Budget]:
    """The budgets of the current UTC day and hour."""
    delivery = env.settings.delivery
    day, hour = now // DAY_SECONDS, now // HOUR_SECONDS
    return (
        Budget("day", f"{NAME}:{day}", delivery.daily_budget, DAY_SECONDS, (day + 1) * DAY_SECONDS),
        Budget(
            "hour", f"{NAME}.hour:{hour}", delivery.hourly_budget, HOUR_SECONDS,
            (hour + 1) * HOUR_SECONDS,
        ),
    )  # fmt: skip


def watch_budgets(turn: Turn) -> None:
    """Raise an alarm if this send brings a budget exactly to a threshold, so each is raised once."""
    for budget in budgets(turn.env, now=turn.now):
        used = throttles.load(turn.tx, budget.key).count
        if used == max(1, int(budget.limit * HALF)):
            raise_alarm(
                turn,
                event.BUDGET_HALF_USED,
                subject=budget.span,
                span=budget.span,
                limit=budget.limit,
            )
        if used in {budget.open_limit, budget.limit}:
            raise_alarm(
                turn,
                event.BUDGET_USED_UP,
                subject=budget.span,
                span=budget.span,
                limit=budget.limit,
                kept=budget.limit - used,
            )
