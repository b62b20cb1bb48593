"""`twostep db copy` and `db reopen`: moving an installation to another database, and back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from twostep.cli.failure import MISUSED, CommandFailed
from twostep.cli.progress import progress
from twostep.cli.shell import AsJson, Shell, print_json, shell_of


if TYPE_CHECKING:
    from twostep.flows.operate.move_database import Copied, Ends, MoveResult


def copy(
    context: typer.Context,
    *,
    source: Annotated[
        str,
        typer.Option(
            "--from", metavar="URL", help="The database to move from, which must not be in use."
        ),
    ],
    target: Annotated[
        str, typer.Option("--to", metavar="URL", help="A new database, on either engine.")
    ],
    as_json: AsJson = False,
) -> None:
    """Move everything to another database and verify it. Run it again to resume after a stop."""
    from twostep.flows.operate.move_database import Ends

    ends = Ends(source, target)
    shell = shell_of(context)
    copied, result = _move(shell, ends)
    if as_json:
        print_json(
            {
                "rows": copied.rows,
                "tables": copied.tables,
                "resumed": copied.resumed,
                "events": result.verified.events,
                "checkpoint": result.verified.checkpoint,
            }
        )
        return
    _print_result(ends, copied, result)


def reopen(context: typer.Context) -> None:
    """Use the database in database_url again after it was moved, or after giving up a move."""
    from twostep.flows.operate.move_database import MoveRefused
    from twostep.flows.operate.move_database import reopen as reopen_database

    shell = shell_of(context)
    settings = shell.load_settings()
    name = shell.wiring.database(settings)
    try:
        moved = reopen_database(settings.database_url.get_secret_value())
    except MoveRefused as refused:
        raise CommandFailed(str(refused), MISUSED) from None
    if moved is None:
        print(f"{name} was not moved; nothing was changed.")
    else:
        print(f"{name} can be used again. Changes made in {moved.to} are not in it.")


def _move(shell: Shell, ends: Ends) -> tuple[Copied, MoveResult]:
    from twostep.flows.operate.move_database import MoveRefused, MoveStopped, end_move, move_rows

    settings = shell.load_settings()
    ring = shell.wiring.load_keyring(settings)
    try:
        with progress() as report:
            copied = move_rows(ends, now=shell.wiring.clock(), report=report)
        ending = end_move(ends, settings, ring, clock=shell.wiring.clock, rows=copied.rows)
        return copied, asyncio.run(ending)
    except MoveRefused as refused:
        raise CommandFailed(str(refused), MISUSED) from None
    except MoveStopped as stopped:
        raise CommandFailed(
            f"Stopped at {stopped.rows} of {stopped.total} rows: {stopped}.\n"
            "What was copied stays. Run the same command again to continue; to use"
            f" {ends.source_name} again instead, run: twostep db reopen"
        ) from None


def _print_result(ends: Ends, copied: Copied, result: MoveResult) -> None:
    print(
        f"Moved {copied.rows} rows of {len(copied.tables)} tables from {ends.source_name} to"
        f" {ends.target_name}: all counts match."
    )
    verified = result.verified
    against = f"checkpoint {verified.checkpoint}" if verified.checkpoint else "no checkpoint"
    if result.old_findings:
        print(
            f"Findings in the audit trail: {len(verified.findings)}, the same in the old database and"
            " the new one. See: twostep audit verify"
        )
    else:
        print(f"The audit trail is intact: {verified.events} events, against {against}.")
    print(f"{ends.source_name} stays as it was, and no server will open it.")
    print("Next: set database_url to the new one, run twostep doctor, and start the server.")
