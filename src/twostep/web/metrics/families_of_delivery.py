"""How texts and calls of the last 24 hours went, for `/metrics`: by provider and country, and how fast.

Only countries that were sent to have a line. Spans are of the newest thousand sends: what a share of
them did not exceed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from twostep.flows.operate.figures import Figures
from twostep.web.metrics.families import Family, Labels


SHARES = (0.5, 0.95)


def of_delivery(figures: Figures) -> Iterator[Family]:
    """Sends by how far they got, those whose code came back, and two spans."""
    states: dict[Labels, float] = defaultdict(float)
    verified: dict[Labels, float] = defaultdict(float)
    for one in figures.sends:
        place = (("provider", one.provider), ("country", one.region))
        states[*place, ("state", one.state)] += one.count
        verified[place] += one.verified
    yield Family(
        "twostep_sends", "gauge",
        "Texts and calls of the last 24 hours, by provider, country and how far they got.", states,
    )  # fmt: skip
    yield Family(
        "twostep_sends_verified", "gauge", "Those of them whose code was typed.", verified
    )  # fmt: skip
    yield Family(
        "twostep_send_accept_seconds", "gauge",
        "From asking for a text or call until a provider took it.",
        _quantiles(figures.accept_seconds),
    )  # fmt: skip
    yield Family(
        "twostep_send_deliver_seconds", "gauge",
        "From asking until a provider reported it delivered, or the phone was answered.",
        _quantiles(figures.deliver_seconds),
    )  # fmt: skip


def _quantiles(spans: Mapping[str, Sequence[int]]) -> dict[Labels, float]:
    return {
        (("provider", provider), ("share", f"{share:g}")): _quantile(seconds, share)
        for provider, seconds in spans.items()
        for share in SHARES
    }


def _quantile(seconds: Sequence[int], share: float) -> float:
    """The smallest span that so many of them do not exceed."""
    ordered = sorted(seconds)
    return float(ordered[max(0, -int(-share * len(ordered) // 1) - 1)])
