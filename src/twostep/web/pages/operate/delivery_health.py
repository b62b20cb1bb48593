"""Delivery health, for operators: messages sent and delivered, budgets, providers and alarms."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup
from starlette.responses import Response

from twostep.core.account import Role
from twostep.core.refusal import Reason, Refused
from twostep.flows.messages.test_message import send_test, view_test
from twostep.flows.operate.delivery_status import Count, DeliveryStatus, view_delivery_status
from twostep.i18n import format_instant, language, translator
from twostep.names import country_name
from twostep.web.frame import problem
from twostep.web.frame.frame import page, redirect_with_flash
from twostep.web.pages.operate.chart import Bar, bars, gauge
from twostep.web.pages.operate.delivery_health_view import (
    AlarmRow,
    BudgetRow,
    DeliveryRow,
    ProviderRow,
    TextRow,
)
from twostep.web.visit import Visit
from twostep.web.words.delivery_health import alarm_sentence, reason_words, test_sentence


async def show(visit: Visit) -> Response:
    """GET /admin/delivery."""
    return await _show(visit, None)


async def test(visit: Visit) -> Response:
    """POST /admin/delivery/test: sends a text to the operator's own backup phone."""
    if visit.owner.role is not Role.OPERATOR:
        return problem.not_found(visit)
    answer = await visit.do(send_test, visit.current)
    if isinstance(answer, Refused):
        return await _show(visit, None if answer.reason is Reason.NUMBER_EMPTY else answer)
    return await redirect_with_flash(visit, "operate.delivery", "message_sent")


async def _show(visit: Visit, refused: Refused | None) -> Response:
    if visit.owner.role is not Role.OPERATOR:
        return problem.not_found(visit)
    status = await visit.read_aside(view_delivery_status)
    phone, newest = await visit.read(view_test, visit.owner.id)
    tested = None
    if newest is not None:
        tested = test_sentence(
            newest.state,
            hint=newest.hint,
            provider=newest.provider,
            reason=newest.reason,
            language=visit.language,
        )
    return page(
        visit,
        "delivery_health.html",
        refused=refused,
        days=_rows(visit, status.days),
        countries=_rows(visit, status.countries),
        sent_chart=_sent_chart(visit, status),
        speed_chart=_speed_chart(visit, status),
        budgets=_budgets(visit, status),
        providers=_providers(status),
        alarms=_alarms(visit, status),
        troubled=status.troubled,
        opted_out=status.opted_out,
        texts=_texts(status),
        test_hint=phone.hint if phone else None,
        tested=tested,
    )


def _rows(visit: Visit, counts: Iterable[Count]) -> tuple[DeliveryRow, ...]:
    return tuple(
        DeliveryRow(
            day=_day(visit, count),
            country=country_name(count.region, visit.language) if count.region else "",
            sent=count.sent,
            queued=count.queued,
            accepted=count.accepted,
            delivered=count.delivered,
            failed=tuple(
                (reason_words(reason, language=visit.language), failures)
                for reason, failures in count.failed.items()
            ),
            verified=count.verified,
            verify_seconds=count.verify_seconds,
        )
        for count in counts
    )


def _day(visit: Visit, count: Count) -> str:
    """The date in UTC, because counts are per UTC day."""
    return format_instant(count.day_at, language=visit.language, time_zone="UTC", style="date")


def _sent_chart(visit: Visit, status: DeliveryStatus) -> Markup:
    title = translator(visit.language).gettext(
        "Texts and calls per day; in full colour, those whose code was typed"
    )
    rows = [Bar(_label(visit, day), day.sent, day.verified) for day in reversed(status.days)]
    return bars(title, rows, chart_id="chart-sent")


def _speed_chart(visit: Visit, status: DeliveryStatus) -> Markup:
    title = translator(visit.language).gettext("Seconds from sending to typing, daily median")
    rows = [
        Bar(_label(visit, day), day.verify_seconds or 0, day.verify_seconds or 0)
        for day in reversed(status.days)
    ]
    return bars(title, rows, chart_id="chart-speed")


def _label(visit: Visit, count: Count) -> str:
    """The date without its year."""
    return _day(visit, count).rpartition(" ")[0] or _day(visit, count)


def _budgets(visit: Visit, status: DeliveryStatus) -> tuple[BudgetRow, ...]:
    words = translator(visit.language)
    titles = {"day": words.gettext("Used today (UTC)"), "hour": words.gettext("Used this hour")}
    return tuple(
        BudgetRow(
            title=titles[budget.span],
            used=budget.used,
            limit=budget.limit,
            open_limit=budget.open_limit,
            chart=gauge(
                titles[budget.span],
                budget.used,
                limit=budget.limit,
                marks=(budget.limit / 2, budget.open_limit),
                chart_id=f"chart-{budget.span}",
            ),
        )
        for budget in status.budgets
    )


def _providers(status: DeliveryStatus) -> tuple[ProviderRow, ...]:
    return tuple(
        ProviderRow(
            name=provider.name,
            channels=provider.channels,
            open_until=provider.open_until,
            reason=provider.reason,
            accepted=provider.accepted,
            failed=provider.failed,
            failing_reason=provider.failing_reason,
            accept_seconds=provider.accept_seconds,
        )
        for provider in status.health
    )


def _texts(status: DeliveryStatus) -> tuple[TextRow, ...]:
    return tuple(
        TextRow(
            language(text.language).endonym, text.encoding, text.units, text.limit, text.segments
        )
        for text in status.texts
    )


def _alarms(visit: Visit, status: DeliveryStatus) -> tuple[AlarmRow, ...]:
    return tuple(
        AlarmRow(alarm.at, alarm_sentence(alarm.event, alarm.data, language=visit.language))
        for alarm in status.alarms
    )
