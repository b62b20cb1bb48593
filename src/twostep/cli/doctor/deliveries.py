"""The part of `twostep doctor` that looks at how messages fared lately."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from twostep.cli.doctor.finding import WARNING, Finding
from twostep.cli.shell import instant


if TYPE_CHECKING:
    from twostep.cli.shell import Shell
    from twostep.config import Settings

LATE_SECONDS = 600


def examine_deliveries(shell: Shell, settings: Settings) -> Iterator[Finding]:
    """Warn of providers that mostly fail, and of mails that wait. Silent if the database is away, which
    another check says."""
    from twostep.flows.operate.delivery_status import view_delivery_status

    try:
        status = shell.run(lambda opener: opener.read(view_delivery_status), settings)
    except shell.wiring.operator_errors():
        return
    for provider in status.health:
        if provider.failing_reason:
            yield Finding(
                WARNING,
                provider.name,
                f"It fails most of what it is given ({provider.failing_reason}). If you have"
                " fixed its settings, restart the server, or reload it for a password in a file: waiting"
                " mails are sent at once.",
            )
    late = shell.wiring.clock() - LATE_SECONDS
    waiting = [
        row
        for row in status.messages
        if row.channel == "email" and row.state == "queued" and row.oldest_at < late
    ]
    if waiting:
        count = sum(row.count for row in waiting)
        reasons = ", ".join(sorted({row.reason for row in waiting if row.reason}))
        since = instant(min(row.oldest_at for row in waiting))
        yield Finding(
            WARNING,
            "email",
            f"{count} mail{'s have' if count != 1 else ' has'} been waiting since {since}"
            f" ({reasons or 'nothing sends them'}). See: twostep delivery status",
        )
