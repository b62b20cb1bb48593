"""The delivery health page as plain values; see `view.py`."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from twostep.core.messages.channel import Channel


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """Texts and calls of one day, optionally of one country. `failed`: reasons and their counts."""

    day: str
    country: str
    sent: int
    queued: int
    accepted: int
    delivered: int
    failed: tuple[tuple[str, int], ...]
    verified: int
    verify_seconds: int | None


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """How much of a budget is used. `open_limit`: the part of it that new numbers may use."""

    title: str
    used: int
    limit: int
    open_limit: int
    chart: Markup


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A provider and its recent results. `open_until`: skipped until then (0: it works).
    `failing_reason`: what it says, if it fails most of what it is given."""

    name: str
    channels: tuple[Channel, ...]
    open_until: int
    reason: str
    accepted: int
    failed: int
    accept_seconds: float | None
    failing_reason: str = ""


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An event that needs an operator's attention."""

    at: int
    sentence: str


@dataclass(frozen=True, slots=True)
class TextRow:
    """The longest text of a language. `units` of the `limit` that a segment holds; `segments` it takes."""

    language: str
    encoding: str
    units: int
    limit: int
    segments: int
