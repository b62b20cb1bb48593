"""What the operators' page of delivery health shows, as plain values; see `view.py`."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from twostep.core.messages.channel import Channel


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """Texts and calls of one day, and of one country where it names one. `failed`: why, and how many."""

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
    """How much of a lid is used; `open_limit` is what new numbers may use of it."""

    title: str
    used: int
    limit: int
    open_limit: int
    chart: Markup


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A provider: passed by until `open_until` (0: it works), and how it did lately."""

    name: str
    channels: tuple[Channel, ...]
    open_until: int
    reason: str
    accepted: int
    failed: int
    accept_seconds: float | None


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """Something that an operator should look at."""

    at: int
    sentence: str


@dataclass(frozen=True, slots=True)
class TextRow:
    """The longest text of a language: how many of the units of a segment it takes."""

    language: str
    encoding: str
    units: int
    limit: int
    segments: int
