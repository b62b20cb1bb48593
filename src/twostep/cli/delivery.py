"""`twostep delivery`: the status of texts, calls and mails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from twostep.cli.shell import AsJson, instant, print_facts, print_json, print_table, shell_of


if TYPE_CHECKING:
    from twostep.flows.operate.delivery_status import Count, DeliveryStatus, ProviderHealth

delivery = typer.Typer(help="Texts, calls and mails.", no_args_is_help=True)

_COUNTS = ("SENT", "WAITING", "ACCEPTED", "DELIVERED", "FAILED", "TYPED", "MEDIAN")


@delivery.callback()
def _group() -> None:
    """Texts, calls and mails."""


@delivery.command("status")
def status(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show what is waiting, what arrived, what failed and why, and how much of the budgets is used."""
    from twostep.flows.operate.delivery_status import view_delivery_status

    shell = shell_of(context)

    delivery_status = shell.run(lambda opener: opener.read(view_delivery_status))
    if as_json:
        print_json(asdict(delivery_status))
        return
    print_facts(_facts(delivery_status))
    for title, head, rows in _tables(delivery_status):
        if rows:
            print(f"\n{title}")
            print_table(head, rows)


def _facts(status: DeliveryStatus) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = [
        (channel, ", ".join(names) or "no provider") for channel, names in status.providers.items()
    ]
    facts += [("trouble", f"no provider of {channel} works now") for channel in status.troubled]
    for budget in status.budgets:
        used = f"{budget.used} of {budget.limit} texts and calls used"
        facts.append((f"this {budget.span}", f"{used}; new numbers stop at {budget.open_limit}"))
    facts += [(f"replies to {name}", url) for name, url in status.replies.items()]
    return [*facts, ("opted out", f"{status.opted_out} numbers")]


def _tables(
    status: DeliveryStatus,
) -> Iterator[tuple[str, Sequence[str], list[tuple[str, ...]]]]:
    """The title, head and rows of each table; tables without rows are not printed."""
    yield "Alarms of the last 14 days", ("AT", "WHAT", "ABOUT", "DETAIL"), _alarms(status)
    yield (
        "Providers, last 14 days",
        ("PROVIDER", "CARRIES", "STATE", "ACCEPTED", "REFUSED", "FAILED", "ACCEPT TIME"),
        [_provider_row(provider) for provider in status.health],
    )
    yield (
        "Mail that came back",
        ("ACCOUNT", "ADDRESS", "AT"),
        [(bounce.name, bounce.address, instant(bounce.at)) for bounce in status.bounces],
    )
    yield (
        "Texts and calls by day",
        ("DAY", *_COUNTS),
        [(_day(count), *_counts(count)) for count in status.days],
    )
    yield (
        "Texts and calls by day and country",
        ("DAY", "COUNTRY", *_COUNTS),
        [(_day(count), count.region or "–", *_counts(count)) for count in status.countries],
    )
    yield (
        "Longest text in each language",
        ("LANGUAGE", "SEGMENTS", "ALPHABET", "LENGTH"),
        [
            (text.language, str(text.segments), text.encoding, f"{text.units}/{text.limit}")
            for text in status.texts
        ],
    )
    yield (
        "Messages of the last 24 hours",
        ("CHANNEL", "PROVIDER", "STATE", "REASON", "COUNT", "OLDEST"),
        [
            (m.channel, m.provider or "–", m.state, m.reason, str(m.count), instant(m.oldest_at))
            for m in status.messages
        ],
    )


def _provider_row(provider: ProviderHealth) -> tuple[str, ...]:
    state = "in use"
    if provider.open_until:
        state = f"skipped until {instant(provider.open_until)}: {provider.reason}"
    elif provider.failing_reason:
        state = f"in use, but failing: {provider.failing_reason}"
    return (
        provider.name,
        ", ".join(provider.channels),
        state,
        str(provider.accepted),
        str(provider.refused),
        str(provider.failed),
        _seconds(provider.accept_seconds),
    )


def _alarms(status: DeliveryStatus) -> list[tuple[str, ...]]:
    return [
        (
            instant(alarm.at),
            alarm.event,
            alarm.subject,
            ", ".join(f"{name} {value}" for name, value in alarm.data.items()),
        )
        for alarm in status.alarms
    ]


def _counts(count: Count) -> tuple[str, ...]:
    reasons = ", ".join(f"{failed} {reason}" for reason, failed in count.failed.items())
    numbers = (count.sent, count.queued, count.accepted, count.delivered)
    return (
        *map(str, numbers), reasons or "0", str(count.verified), _seconds(count.verify_seconds)
    )  # fmt: skip


def _day(count: Count) -> str:
    return datetime.fromtimestamp(count.day_at, UTC).strftime("%Y-%m-%d")


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:g} s"
