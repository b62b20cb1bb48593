"""`twostep delivery`: how texts, calls and mails go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from twostep.cli.shell import AsJson, instant, print_facts, print_json, print_table, shell_of


if TYPE_CHECKING:
    from twostep.flows.operate.delivery_status import Count, DeliveryStatus

delivery = typer.Typer(help="Texts, calls and mails.", no_args_is_help=True)

_COUNTS = ("SENT", "WAITING", "ACCEPTED", "DELIVERED", "FAILED", "TYPED", "MEDIAN")


@delivery.callback()
def _group() -> None:
    """Texts, calls and mails."""


@delivery.command("status")
def status(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show what waits, what arrived, what failed and why, and what is used of the budgets."""
    from twostep.flows.operate.delivery_status import view_delivery_status

    shell = shell_of(context)

    found = shell.run(lambda opener: opener.read(view_delivery_status))
    if as_json:
        print_json(asdict(found))
        return
    print_facts(_facts(found))
    for title, head, rows in _tables(found):
        if rows:
            print(f"\n{title}")
            print_table(head, rows)


def _facts(found: DeliveryStatus) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = [
        (channel, ", ".join(names) or "no provider") for channel, names in found.providers.items()
    ]
    facts += [("trouble", f"no provider of {channel} works now") for channel in found.troubled]
    facts += [
        (
            f"this {one.span}",
            f"{one.used} of {one.limit} texts and calls used; new numbers stop at {one.open_limit}",
        )
        for one in found.budgets
    ]
    facts += [(f"replies to {name}", url) for name, url in found.replies.items()]
    return [*facts, ("opted out", f"{found.opted_out} numbers")]


def _tables(
    found: DeliveryStatus,
) -> Iterator[tuple[str, Sequence[str], list[tuple[str, ...]]]]:
    """Title, head and rows of each; those without rows are not printed."""
    yield "Alarms of the last 14 days", ("AT", "WHAT", "ABOUT", "DETAIL"), _alarms(found)
    yield (
        "Providers, last 14 days",
        ("PROVIDER", "CARRIES", "STATE", "ACCEPTED", "FAILED", "ACCEPT TIME"),
        [
            (
                one.name,
                ", ".join(one.channels),
                f"passed by until {instant(one.open_until)}: {one.reason}"
                if one.open_until
                else "in use",
                str(one.accepted),
                str(one.failed),
                _seconds(one.accept_seconds),
            )
            for one in found.health
        ],
    )
    yield "Texts and calls by day", ("DAY", *_COUNTS), [(_day(n), *_counts(n)) for n in found.days]
    yield (
        "Texts and calls by day and country",
        ("DAY", "COUNTRY", *_COUNTS),
        [(_day(one), one.region or "–", *_counts(one)) for one in found.countries],
    )
    yield (
        "Longest text of each language",
        ("LANGUAGE", "SEGMENTS", "ALPHABET", "LENGTH"),
        [
            (one.language, str(one.segments), one.encoding, f"{one.units}/{one.limit}")
            for one in found.texts
        ],
    )
    yield (
        "Messages of the last 24 hours",
        ("CHANNEL", "PROVIDER", "STATE", "REASON", "COUNT", "OLDEST"),
        [
            (m.channel, m.provider or "–", m.state, m.reason, str(m.count), instant(m.oldest_at))
            for m in found.messages
        ],
    )


def _alarms(found: DeliveryStatus) -> list[tuple[str, ...]]:
    return [
        (
            instant(one.at),
            one.event,
            one.subject,
            ", ".join(f"{name} {value}" for name, value in one.data.items()),
        )
        for one in found.alarms
    ]


def _counts(one: Count) -> tuple[str, ...]:
    reasons = ", ".join(f"{count} {reason}" for reason, count in one.failed.items())
    numbers = (one.sent, one.queued, one.accepted, one.delivered)
    return (
        *map(str, numbers), reasons or "0", str(one.verified), _seconds(one.verify_seconds)
    )  # fmt: skip


def _day(one: Count) -> str:
    return datetime.fromtimestamp(one.day_at, UTC).strftime("%Y-%m-%d")


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:g} s"
