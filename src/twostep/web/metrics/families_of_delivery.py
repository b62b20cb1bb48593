"""Delivery metrics of the last 24 hours: texts and calls by provider and country, and their speed.

Only countries that were sent to have a sample. Spans are quantiles of the newest thousand sends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import Metric

from twostep.flows.operate.figures import Figures
from twostep.web.metrics.families import Samples, gauge


SHARES = (0.5, 0.95)


def of_delivery(figures: Figures) -> Iterator[Metric]:
    """Sends by state, sends whose code was entered, tries, and the quantiles of two spans."""
    states: Counter[tuple[str, ...]] = Counter()
    verified: Counter[tuple[str, ...]] = Counter()
    for tally in figures.sends:
        states[tally.provider, tally.region, tally.state] += tally.count
        verified[tally.provider, tally.region] += tally.verified
    yield gauge(
        "twostep_sends",
        "Texts and calls of the last 24 hours, by provider, country and state.",
        states,
        *("provider", "country", "state"),
    )
    yield gauge(
        "twostep_sends_verified",
        "Texts and calls of the last 24 hours whose code was entered.",
        verified,
        *("provider", "country"),
    )
    yield gauge(
        "twostep_provider_tries",
        "Outcomes of what each provider was given on this UTC day, mails included.",
        {
            (row.provider, outcome): count
            for row in figures.tries
            for outcome, count in (
                ("accepted", row.accepted),
                ("refused", row.refused),
                ("failed", row.failed),
            )
        },
        *("provider", "outcome"),
    )
    yield gauge(
        "twostep_send_accept_seconds",
        "Seconds from the request for a text or call until a provider accepted it.",
        _quantiles(figures.accept_seconds),
        *("provider", "share"),
    )
    yield gauge(
        "twostep_send_deliver_seconds",
        "Seconds from the request until the provider reported delivery, or the phone was answered.",
        _quantiles(figures.deliver_seconds),
        *("provider", "share"),
    )


def _quantiles(spans: Mapping[str, Sequence[int]]) -> Samples:
    return {
        (provider, f"{share:g}"): _quantile(seconds, share)
        for provider, seconds in spans.items()
        for share in SHARES
    }


def _quantile(seconds: Sequence[int], share: float) -> float:
    """The smallest span that at least `share` of them do not exceed."""
    ordered = sorted(seconds)
    return float(ordered[max(0, -int(-share * len(ordered) // 1) - 1)])
