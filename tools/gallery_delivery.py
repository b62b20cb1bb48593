"""The operators' page on delivery, in its states, for the gallery."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gallery_samples import DAY, HOUR, MINUTE, NOW, frame

from twostep.core.messages.channel import Channel
from twostep.i18n import format_instant
from twostep.names import country_name
from twostep.web.pages.operate.chart import Bar, bars, gauge
from twostep.web.pages.operate.delivery_health_view import (
    AlarmRow,
    BudgetRow,
    DeliveryRow,
    ProviderRow,
    TextRow,
)


SENT = (61, 72, 58, 90, 84, 31, 24, 66, 71, 80, 77, 92, 40, 35)


def delivery_states(code: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and context of each."""
    busy = _busy(code)
    yield "delivery-busy", busy
    yield (
        "delivery-empty",
        busy
        | {"days": (), "countries": (), "providers": (), "alarms": (), "troubled": ()}
        | {"opted_out": 0, "test_hint": None, "tested": None},
    )


def _busy(code: str) -> dict[str, Any]:
    days = tuple(_row(code, place, sent) for place, sent in enumerate(SENT))
    budgets = tuple(
        BudgetRow(title, used, limit, limit * 4 // 5, _gauge(title, used, limit))
        for title, used, limit in (("Used today (UTC)", 640, 1000), ("Used this hour", 31, 200))
    )
    providers = (
        ProviderRow("twilio", (Channel.SMS, Channel.CALL), NOW + MINUTE, "HTTP 503", 812, 31, 1.4),
        ProviderRow("vonage", (Channel.SMS,), 0, "", 64, 99, 0.9, "HTTP 500"),
        ProviderRow("smtp", (Channel.EMAIL,), 0, "", 434, 0, None),
    )
    alarms = (
        AlarmRow(NOW - HOUR, "twilio keeps failing and is being skipped: HTTP 503"),
        AlarmRow(NOW - DAY, "Half of the 1000 texts and calls of this day are used."),
    )
    return {
        "frame": frame(code, stage=2),
        "errors": (),
        "days": tuple(reversed(days)),
        "countries": tuple(reversed(days)),
        "sent_chart": _chart("Texts and calls a day", "chart-sent"),
        "speed_chart": _chart("Seconds from sending to typing", "chart-speed"),
        "budgets": budgets,
        "providers": providers,
        "alarms": alarms,
        "troubled": (Channel.SMS,),
        "opted_out": 3,
        "texts": (
            TextRow("English", "GSM-7", 131, 160, 1),
            TextRow("العربية", "UCS-2", 104, 134, 2),
        ),
        "test_hint": "42",
        "tested": "The test message to •••• ••42 was delivered by vonage.",
    }


def _row(code: str, place: int, sent: int) -> DeliveryRow:
    at = NOW - (len(SENT) - 1 - place) * DAY
    day = format_instant(at, language=code, time_zone="UTC", style="date")
    failed = (("no such number", 2), ("phone off or no signal", 1))
    country = country_name("DE", code)
    return DeliveryRow(day, country, sent, 1, sent - 4, sent - 9, failed, sent - 12, 21)


def _chart(title: str, chart_id: str) -> Any:
    rows = [Bar(str(place), sent, sent - 12) for place, sent in enumerate(SENT, start=1)]
    return bars(title, rows, chart_id=chart_id)


def _gauge(title: str, used: int, limit: int) -> Any:
    return gauge(title, used, limit=limit, marks=(limit / 2, limit * 0.8), chart_id=f"g-{limit}")
