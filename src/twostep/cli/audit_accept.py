"""`twostep audit accept`: let checkpoints sign a chain again whose end Twostep did not write."""

from __future__ import annotations

from typing import Annotated

import typer

from twostep.cli.failure import REFUSED, CommandFailed
from twostep.cli.shell import shell_of


def accept(
    context: typer.Context,
    chains: Annotated[
        list[str], typer.Argument(metavar="CHAIN...", help="As `audit verify` names them.")
    ],
    *,
    reason: Annotated[str, typer.Option(help="What you found; it stands in the audit trail.")],
) -> None:
    """Accept the end of a chain as it stands, once you know how it came about."""
    from twostep.flows.audit import tags

    accepted = shell_of(context).run(
        lambda opener: opener.do(tags.accept, tuple(chains), reason=reason)
    )
    for chain, seq in accepted.items():
        print(f"{chain}: accepted up to record {seq}.")
    if others := [chain for chain in chains if chain not in accepted]:
        raise CommandFailed(f"Nothing to accept in: {' '.join(others)}.", REFUSED)
