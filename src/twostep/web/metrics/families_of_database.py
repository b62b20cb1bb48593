"""Metrics from the database: the same in every process of an installation."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric

from twostep.core.messages.channel import CODE_CHANNELS, Channel
from twostep.flows.env import Env
from twostep.flows.operate.figures import Figures
from twostep.web.metrics.families import gauge


def of_database(env: Env, figures: Figures, *, now: int) -> Iterator[Metric]:
    """Messages, alarms, budgets and providers, from `figures`."""
    yield gauge(
        "twostep_outbox_messages",
        "Messages created in the last 24 hours and all waiting ones, by channel and state.",
        figures.messages,
        "channel",
        "state",
    )
    yield gauge(
        "twostep_outbox_oldest_waiting_seconds",
        "Age of the oldest waiting message.",
        {
            channel: max(0, now - figures.waiting_since.get(channel, now))
            for channel in sorted(Channel)
        },
        "channel",
    )
    yield gauge(
        "twostep_alarms",
        "Alarms raised in the last 24 hours, by event.",
        figures.alarms,
        "event",
    )
    yield from _of_budgets(figures)
    yield gauge(
        "twostep_channel_down",
        "1 if every provider of the channel is skipped.",
        {name: name in figures.troubled for name in sorted(CODE_CHANNELS)},
        "channel",
    )
    yield gauge(
        "twostep_provider_passed_by",
        "1 if the provider is skipped because it kept failing.",
        {name: name in figures.passed_by for name in _providers(env) | figures.passed_by},
        "provider",
    )


def _of_budgets(figures: Figures) -> Iterator[Metric]:
    yield gauge(
        "twostep_budget_used",
        "Texts and calls in the current UTC hour and day.",
        {span: used for span, (used, _) in figures.budgets.items()},
        "span",
    )
    yield gauge(
        "twostep_budget_limit",
        "Most texts and calls in an hour and in a day.",
        {span: limit for span, (_, limit) in figures.budgets.items()},
        "span",
    )


def _providers(env: Env) -> frozenset[str]:
    settings = env.settings
    configured = (*settings.sms_providers, *settings.call_providers, *settings.email_providers)
    return frozenset(configured).union(*settings.delivery.country_providers.values())
