"""`twostep audit verify`: check that the audit trail is complete and unchanged."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twostep.cli.failure import REFUSED, CommandFailed
from twostep.cli.shell import AsJson, Shell, print_json, print_note, shell_of


if TYPE_CHECKING:
    from twostep.flows.audit.verify import Verified

MOST_LINES = 200


def verify(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="An export. Default: the database.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Verify every event against the one before it and the signed checkpoints; exit 1 on a finding."""
    verified = _verify(shell_of(context), file)
    if as_json:
        print_json(asdict(verified))
    else:
        _print(verified)
        if file is None and not verified.against_file:
            print("audit_checkpoint_file is not set: if the newest checkpoints were cut off with all"
                  " that followed, or an older copy was put back, that cannot be detected.")  # fmt: skip
    if verified.findings:
        raise typer.Exit(REFUSED)


def _verify(shell: Shell, file: Path | None) -> Verified:
    from twostep.flows.audit.verify import verify_database, verify_export

    if file is None:
        return shell.run(lambda opener: verify_database(opener.env, now=shell.wiring.clock()))
    try:
        try:
            if shell.config_path() is not None:
                return shell.run(lambda opener: verify_export(file, opener.env))
            why = "No configuration"
        except shell.wiring.operator_errors() as error:  # another user's, or not to be opened now
            why = f"The installation cannot be opened ({error})"
        print_note(f"{why}: only the chains are verified, without checkpoints.")
        return asyncio.run(verify_export(file, None))
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}") from None


def _print(verified: Verified) -> None:
    for finding in verified.findings[:MOST_LINES]:
        print(f"{finding.fault}  {finding.about}: {finding.text}")
    if len(verified.findings) > MOST_LINES:
        print(f"… and {len(verified.findings) - MOST_LINES} more (all with --json)")
    count = len(verified.findings)
    verdict = f"{count} finding{'s' * (count > 1)}" if count else "Nothing wrong"
    against = f"checkpoint {verified.checkpoint}" if verified.checkpoint else "no checkpoint"
    events = f"{verified.events} event{'s' * (verified.events != 1)}"
    chains = f"{verified.chains} chain{'s' * (verified.chains != 1)}"
    print(f"{verdict} in {events} of {chains}, against {against}.")
    if verified.since:
        print(f"This export starts at checkpoint {verified.since}: what that one covers is not in it,"
              " and nothing is said about it.")  # fmt: skip
    if verified.unknown_starts:
        print(f"{verified.unknown_starts} chains do not begin with their first event: only the"
              " installation can say whether that is right.")  # fmt: skip
    if not verified.findings:
        print("Anything cut off after the last checkpoint cannot be detected.")
