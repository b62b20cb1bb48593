"""`twostep db …`: upgrade the schema, back everything up and purge expired rows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twostep.cli import database_copy
from twostep.cli.shell import shell_of


if TYPE_CHECKING:
    from twostep.flows.turn import TurnOpener

database = typer.Typer(help="The database.", no_args_is_help=True)
database.command("copy")(database_copy.copy)
database.command("reopen")(database_copy.reopen)

# Small batches with a pause, because a server may be writing at the same time.
BATCH = 100
PAUSE_SECONDS = 0.02


@database.command("upgrade")
def upgrade(context: typer.Context) -> None:
    """Bring the schema up to date; creates the database if there is none."""
    shell = shell_of(context)
    settings = shell.load_settings()
    shell.wiring.upgrade(settings)
    print(f"{shell.wiring.database(settings)} has the schema of this version.")


@database.command("backup")
def backup(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Replaced once the copy is whole.")],
) -> None:
    """Copy the whole database into a file, while the server runs. The keys are not in it."""
    from twostep.flows.operate.back_up import back_up

    shell = shell_of(context)
    settings = shell.load_settings()
    back_up(settings, file)
    print(f"{shell.wiring.database(settings)} is backed up in {file}.")


@database.command("purge")
def purge(context: typer.Context) -> None:
    """Delete expired sessions, codes, links, messages and counters, and old events."""
    from twostep.flows.operate.purge import purge as purge_batch

    shell = shell_of(context)

    async def work(opener: TurnOpener) -> int:
        total = 0
        while count := await opener.do(purge_batch, limit=BATCH):
            total += count
            await asyncio.sleep(PAUSE_SECONDS)
        return total

    print(f"Deleted {shell.run(work)} rows.")
