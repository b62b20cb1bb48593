"""Fill an installation with accounts whose secrets are known; whoever has the file can sign in to them.

python -m bench.seed --accounts N --out FILE [--config FILE] [--sessions N] [--half] [--events N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from bench.seeding import Plan, count_real, new_batch, seed_accounts
from twostep.config import ConfigError, find_config, load
from twostep.core.outage import StoreUnavailable
from twostep.flows.env import Env
from twostep.main import StartError, open_product


ACCOUNTS_IN_A_BATCH = 500
PAUSE_SECONDS = 0.005


class Refused(Exception):
    """Nothing was seeded; the text says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the accounts, or say why not and leave with exit code 1."""
    os.umask(0o077)  # as the program itself: database and file are for their owner
    asked = _parser().parse_args(arguments)
    plan = Plan(
        accounts=asked.accounts, sessions=asked.sessions, half=asked.half, events=asked.events
    )
    try:
        asyncio.run(_fill(asked.config, plan, asked.out, force=asked.force))
    except (ConfigError, StartError, StoreUnavailable, Refused) as error:
        sys.exit(str(error))
    print(f"Made {plan.accounts} accounts; their secrets are in {asked.out}.", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.seed", description=__doc__)
    add = parser.add_argument
    add("--config", type=Path, help="as for twostep, with the same defaults")
    add("--accounts", type=_count, required=True, help="how many accounts")
    add("--out", type=Path, required=True, help="new file: one JSON object an account")
    add("--sessions", type=_count, default=0, help="sessions, over all accounts")
    add("--half", action="store_true", help="sessions that still need the second step")
    add("--events", type=_count, default=0, help="further events, over all accounts")
    add("--force", action="store_true", help="also where there are real accounts")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no count")
    return int(text)


async def _fill(config: Path | None, plan: Plan, out: Path, *, force: bool) -> None:
    async with open_product(load(config or find_config()), {}) as product:
        _refuse_real(product.env, force=force)
        with _new_file(out) as lines:
            await _write(product.env, plan, lines)


def _refuse_real(env: Env, *, force: bool) -> None:
    if not force and (real := env.store.read_now(count_real)):
        raise Refused(
            f"The database holds {real} real account{'s' * (real != 1)}. Seed an empty one, or add --force."
        )


def _new_file(path: Path) -> TextIO:
    """Open a file that did not exist, for its owner alone."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Refused(f"{path} cannot be made: {error.strerror}. Name a new file.") from None
    return os.fdopen(descriptor, "w", encoding="utf-8")


async def _write(env: Env, plan: Plan, lines: TextIO) -> None:
    batch = await new_batch(env, plan)
    for first in range(0, plan.accounts, ACCOUNTS_IN_A_BATCH):
        indexes = range(first, min(first + ACCOUNTS_IN_A_BATCH, plan.accounts))
        made = await env.store.run(seed_accounts, env, batch, indexes=indexes, now=env.clock())
        lines.writelines(json.dumps(asdict(account)) + "\n" for account in made)
        await asyncio.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
