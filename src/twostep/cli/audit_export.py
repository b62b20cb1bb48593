"""`twostep audit export`: the audit trail as JSON lines."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from twostep.cli.failure import MISUSED, CommandFailed
from twostep.cli.shell import print_note, shell_of


if TYPE_CHECKING:
    from twostep.flows.audit.export import Exported
    from twostep.flows.turn import TurnOpener


def export(
    context: typer.Context,
    *,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="CHECKPOINT|TIME",
            help="Only what came after the checkpoint with this number, as the export before named it"
            " (0: everything), or since this time, like 2026-12-01T08:00Z.",
        ),
    ] = None,
) -> None:
    """Write events as JSON lines to standard output; the export itself is recorded as an event."""
    from twostep.flows.audit.export import (
        SinceUnknown,
        checkpoint_at,
        export_audit,
        export_since,
    )

    begin = None if since is None else _read_since(since)

    async def write(opener: TurnOpener) -> Exported:
        if begin is None:
            return await export_audit(opener, sys.stdout.write)
        number = begin if isinstance(begin, int) else await checkpoint_at(opener, _seconds(begin))
        return await export_since(opener, number, sys.stdout.write)

    try:
        exported = shell_of(context).run(write)
    except SinceUnknown as error:
        raise CommandFailed(str(error), MISUSED) from None
    sys.stdout.flush()  # whoever cannot take it all shall not be told that it is there
    print_note(f"{exported.events} events. The next part: --since {exported.next_since}")


def _read_since(text: str) -> int | datetime:
    if text.isascii() and text.isdecimal():
        return int(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise CommandFailed(
            f'--since takes the number of a checkpoint or a time like 2026-12-01T08:00Z, not "{text}".',
            MISUSED,
        ) from None


def _seconds(time: datetime) -> int:
    """Unix seconds; a time without a zone is UTC."""
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
