"""`twostep dev …`: for people who measure Twostep, not for those who run it."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from twostep.cli.failure import Failure
from twostep.cli.shell import say, shell_of


if TYPE_CHECKING:
    from twostep.flows.env import Env
    from twostep.flows.operate.seed import Plan
    from twostep.flows.turn import TurnOpener

dev = typer.Typer(help="Tools for benchmarks.", no_args_is_help=True)

ACCOUNTS_IN_A_BATCH = 500
PAUSE_SECONDS = 0.005


@dev.callback()
def group() -> None:
    """Tools for benchmarks."""


@dev.command("seed")
def seed(
    context: typer.Context,
    *,
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts.")],
    out: Annotated[Path, typer.Option(help="New file: one JSON object an account.")],
    sessions: Annotated[int, typer.Option(min=0, help="Sessions, over all accounts.")] = 0,
    half: Annotated[
        bool, typer.Option("--half", help="Sessions that still need the second step.")
    ] = False,
    events: Annotated[int, typer.Option(min=0, help="Further events, over all accounts.")] = 0,
    force: Annotated[
        bool, typer.Option("--force", help="Also where there are real accounts.")
    ] = False,
) -> None:
    """Make accounts with known secrets; whoever has the file can sign in to them."""
    from twostep.flows.operate.seed import Plan

    plan = Plan(accounts=accounts, sessions=sessions, half=half, events=events)
    shell = shell_of(context)

    async def work(opener: TurnOpener) -> None:
        _refuse_real(opener.env, force=force)
        with _new_file(out) as lines:
            await _write(opener.env, plan, lines)

    shell.run(work)
    say(f"Made {accounts} accounts; their secrets are in {out}.")


def _refuse_real(env: Env, *, force: bool) -> None:
    from twostep.flows.operate.seed import count_real

    if not force and (real := env.store.read_now(count_real)):
        raise Failure(
            f"The database holds {real} real accounts. Seed an empty one, or add --force."
        )


def _new_file(path: Path) -> TextIO:
    """Open a file that did not exist, for its owner alone."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Failure(f"{path} cannot be made: {error.strerror}. Name a new file.") from None
    return os.fdopen(descriptor, "w", encoding="utf-8")


async def _write(env: Env, plan: Plan, lines: TextIO) -> None:
    from twostep.flows.operate.seed import new_batch, seed_accounts

    batch = await new_batch(env, plan)
    for first in range(0, plan.accounts, ACCOUNTS_IN_A_BATCH):
        indexes = range(first, min(first + ACCOUNTS_IN_A_BATCH, plan.accounts))
        made = await env.store.run(seed_accounts, env, batch, indexes=indexes, now=env.clock())
        lines.writelines(json.dumps(asdict(one)) + "\n" for one in made)
        await asyncio.sleep(PAUSE_SECONDS)
