"""Delivery health, for operators: what was sent, what arrived, what it used, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup
from starlette.responses import Response

from twostep.core.account import Role
from twostep.core.refusal import Reason, Refused
from twostep.flows.messages.test_message import send_test, view_test
from twostep.flows.operate.delivery_status import Count, DeliveryStatus, view_delivery_status
from twostep.i18n import country_name, format_instant, language, translator
from twostep.web.frame import problem
from twostep.web.frame.frame import page, see_other
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
from twostep.web.words.flash import say


async def show(visit: Visit) -> Response:
    """GET /admin/delivery."""
    return await _show(visit, None)


async def test(visit: Visit) -> Response:
    """POST /admin/delivery/test: a text to the operator's own backup phone."""
    if visit.owner.role is not Role.OPERATOR:
        return problem.not_found(visit)
    answer = await visit.do(send_test, visit.current)
    if isinstance(answer, Refused):
        return await _show(visit, None if answer.reason is Reason.NUMBER_EMPTY else answer)
    await say(visit, "message_sent")
    return see_other(visit.url("operate.delivery"))


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
    reader = visit.language
    return tuple(
        DeliveryRow(
            day=_day(visit, one),
            country=country_name(one.region, reader) if one.region else "",
            sent=one.sent,
            queued=one.queued,
            accepted=one.accepted,
            delivered=one.delivered,
            failed=tuple(
                (reason_words(reason, language=reader), count)
                for reason, count in one.failed.items()
            ),
            verified=one.verified,
            verify_seconds=one.verify_seconds,
        )
        for one in counts
    )


def _day(visit: Visit, one: Count) -> str:
    """UTC days are counted, so they are named in UTC."""
    return format_instant(one.day_at, language=visit.language, time_zone="UTC", style="date")


def _sent_chart(visit: Visit, status: DeliveryStatus) -> Markup:
    title = translator(visit.language).gettext(
        "Texts and calls a day; in full colour those whose code was typed"
    )
    rows = [Bar(_label(visit, one), one.sent, one.verified) for one in reversed(status.days)]
    return bars(title, rows, chart_id="chart-sent")


def _speed_chart(visit: Visit, status: DeliveryStatus) -> Markup:
    title = translator(visit.language).gettext("Seconds from sending to typing, median of a day")
    rows = [
        Bar(_label(visit, one), one.verify_seconds or 0, one.verify_seconds or 0)
        for one in reversed(status.days)
    ]
    return bars(title, rows, chart_id="chart-speed")


def _label(visit: Visit, one: Count) -> str:
    return _day(visit, one).rpartition(" ")[0] or _day(visit, one)


def _budgets(visit: Visit, status: DeliveryStatus) -> tuple[BudgetRow, ...]:
    words = translator(visit.language)
    titles = {"day": words.gettext("Used today (UTC)"), "hour": words.gettext("Used this hour")}
    return tuple(
        BudgetRow(
            title=titles[one.span],
            used=one.used,
            limit=one.limit,
            open_limit=one.open_limit,
            chart=gauge(
                titles[one.span],
                one.used,
                limit=one.limit,
                marks=(one.limit / 2, one.open_limit),
                chart_id=f"chart-{one.span}",
            ),
        )
        for one in status.budgets
    )


def _providers(status: DeliveryStatus) -> tuple[ProviderRow, ...]:
    return tuple(
        ProviderRow(
            name=one.name,
            channels=one.channels,
            open_until=one.open_until,
            reason=one.reason,
            accepted=one.accepted,
            failed=one.failed,
            accept_seconds=one.accept_seconds,
        )
        for one in status.health
    )


def _texts(status: DeliveryStatus) -> tuple[TextRow, ...]:
    return tuple(
        TextRow(language(one.language).endonym, one.encoding, one.units, one.limit, one.segments)
        for one in status.texts
    )


def _alarms(visit: Visit, status: DeliveryStatus) -> tuple[AlarmRow, ...]:
    return tuple(
        AlarmRow(one.at, alarm_sentence(one.event, one.data, language=visit.language))
        for one in status.alarms
    )
