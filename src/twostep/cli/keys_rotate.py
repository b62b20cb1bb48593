"""`twostep keys …`: list the keys, rotate to a new one and remove an old one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twostep.cli.failure import CommandFailed
from twostep.cli.progress import progress
from twostep.cli.shell import AsJson, print_json, print_table, shell_of


if TYPE_CHECKING:
    from twostep.config import Settings
    from twostep.flows.operate.rotate_keys import KeyUse, Rotated
    from twostep.flows.turn import TurnOpener


_USES = {(False, True): "seals and opens", (False, False): "opens", (True, False): "missing"}


def list_keys(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the keys, newest first, with the number of values under each."""
    from twostep.flows.operate.rotate_keys import view_keys

    uses = shell_of(context).run(lambda opener: opener.read(view_keys), any_keys=True)
    if as_json:
        print_json([_row(use) for use in uses])
        return
    print_table(
        ("KEY", "USE", "VALUES"),
        [(use.key_id, _USES[use.is_missing, use.seals], str(use.total)) for use in uses],
    )
    for use in uses:
        if not use.seals and use.total == 0:
            print(f"Nothing uses {use.key_id} any more. Run: twostep keys remove {use.key_id}")


def rotate(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Create a new key and reseal everything under it; the server may keep running.

    Run it again to resume after a stop.
    """
    from twostep.flows.operate.rotate_keys import rotate_keys

    shell = shell_of(context)
    settings = shell.load_settings()
    path = settings.key_path

    async def work(opener: TurnOpener) -> Rotated:
        with progress() as report:
            try:
                return await rotate_keys(opener, path, report=report)
            except OSError as error:
                raise _unwritable(path, error) from None

    rotated = shell.run(work, settings)
    if as_json:
        print_json(
            {
                "key": rotated.key_id,
                "resumed": rotated.resumed,
                "values": rotated.values,
                "unreadable": rotated.unreadable,
                "old": [_row(use) for use in rotated.old],
            }
        )
    else:
        _print_result(rotated, is_file=path is not None)
    if rotated.unreadable:
        raise CommandFailed(
            f"{len(rotated.unreadable)} values do not open and were left as they are:"
            f" {', '.join(rotated.unreadable[:5])}. Is the key that sealed them missing?"
        )


def remove(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="Its id, as keys list shows it.")],
) -> None:
    """Remove an old key from the key file, once no value is sealed under it."""
    from twostep.flows.operate.rotate_keys import remove_key, view_keys

    shell = shell_of(context)
    settings = shell.load_settings()
    path = _key_path(settings)

    async def work(opener: TurnOpener) -> None:
        uses = {use.key_id: use for use in await opener.read(view_keys)}
        _require_unused(uses.get(key_id), key_id)
        try:
            await remove_key(opener, path, key_id=key_id)
        except OSError as error:
            raise _unwritable(path, error) from None

    shell.run(work, settings)
    print(
        f"{key_id} was removed from the key file. Keep a copy for as long as you keep earlier"
        " backups of the database."
    )


def _require_unused(use: KeyUse | None, key_id: str) -> None:
    if use is None or use.is_missing:
        raise CommandFailed(f'There is no key "{key_id}". See: twostep keys list')
    if use.seals:
        raise CommandFailed(f"{key_id} is the newest key: it seals everything new.")
    if use.total:
        places = ", ".join(f"{count} in {where}" for where, count in use.uses.items())
        raise CommandFailed(
            f"{use.total} values still use {key_id} ({places}). Run: twostep keys rotate"
        )


def _key_path(settings: Settings) -> Path:
    if settings.key_path is None:
        raise CommandFailed(
            "The keys come from key_command or TWOSTEP_KEY, so Twostep cannot write them. Remove the"
            " line where they are kept, and restart the server."
        )
    return settings.key_path


def _unwritable(path: Path | None, error: OSError) -> CommandFailed:
    return CommandFailed(
        f"The key file {path} cannot be written: {error.strerror}. Run as the user that owns it;"
        " nothing was lost."
    )


def _row(use: KeyUse) -> dict[str, object]:
    return {
        "id": use.key_id,
        "seals": use.seals,
        "missing": use.is_missing,
        "values": use.total,
        "uses": use.uses,
    }


def _print_result(rotated: Rotated, *, is_file: bool) -> None:
    headline = "Finished an earlier rotation" if rotated.resumed and is_file else "Done"
    print(f"{headline}: {rotated.values} values sealed again, all under {rotated.key_id}.")
    for use in rotated.old:
        if use.is_missing:
            continue  # said as an error
        if use.total:
            print(f"{use.total} values still use {use.key_id}. Run again: twostep keys rotate")
        elif is_file:
            print(f"{use.key_id} can be removed: twostep keys remove {use.key_id}")
        else:
            print(f"{use.key_id} can be removed from where your keys are kept.")
