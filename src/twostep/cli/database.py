"""`twostep db …`: upgrade the schema and purge expired rows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

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
