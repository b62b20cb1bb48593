"""The part of `twostep doctor` that looks at this machine: files, free space and libraries."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from twostep.cli.doctor.finding import ERROR, OK, WARNING, Finding


if TYPE_CHECKING:
    from twostep.cli.shell import Shell
    from twostep.config import Settings

MIB = 2**20
LEAST_FREE = 200 * MIB
FEW_FREE, FEW_PERCENT = 5 * 1024 * MIB, 5  # both: a twentieth of a large disk is plenty
_TRACERS = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")
_SQLITE_SUFFIXES = ("", "-wal", "-shm")


def examine_files(shell: Shell, settings: Settings) -> Iterator[Finding]:
    """Check what `serve` needs from this machine."""
    database = shell.wiring.database_file(settings)
    files = [Path(f"{database}{suffix}") for suffix in _SQLITE_SUFFIXES] if database else []
    also = [path for path in (settings.key_path, settings.audit_checkpoint_file) if path]
    yield from _examine_space(settings, database)
    yield from _examine_owners(settings.data_dir, [*files, *also])
    yield from _examine_modes(files)
    yield from _examine_logo(settings.panel_logo)
    yield from _examine_languages(settings)
    if settings.tracing.endpoint is not None and not all(map(_is_installed, _TRACERS)):
        from twostep.config.operate import NO_TRACER

        yield Finding(ERROR, "tracing", NO_TRACER)


def _examine_space(settings: Settings, database: Path | None) -> Iterator[Finding]:
    about = "disk"
    checkpoints = settings.audit_checkpoint_file
    folders = [database.parent] if database else []
    folders += [checkpoints.parent] if checkpoints else []
    for folder in dict.fromkeys(folders):
        try:
            usage = shutil.disk_usage(folder)
        except OSError:  # said by whoever needs the folder
            continue
        percent = 100 * usage.free // max(usage.total, 1)
        text = f"{usage.free // MIB} MiB ({percent} %) are free for {folder}"
        if usage.free < MIB:
            yield Finding(ERROR, about, f"{text}: nothing can be written. Make room.")
        elif usage.free < LEAST_FREE or (usage.free < FEW_FREE and percent < FEW_PERCENT):
            yield Finding(WARNING, about, f"{text}. On a full disk nobody can sign in: make room.")
        else:
            yield Finding(OK, about, text)


def _examine_owners(folder: Path, files: list[Path]) -> Iterator[Finding]:
    """A file that somebody else made, root for one, may be closed to the service."""
    from twostep.config.file_owner import user_name

    try:
        owner = folder.stat().st_uid
        strange = [path for path in files if _exists(path) and path.stat().st_uid != owner]
    except OSError:
        return
    for path in strange:
        name = user_name(owner)
        yield Finding(
            ERROR,
            "data_dir",
            f"{path} belongs to {user_name(path.stat().st_uid)}, but {folder} to {name}: the server"
            f" may not be able to use it. Run: chown {name} {path}",
        )


def _examine_modes(files: list[Path]) -> Iterator[Finding]:
    open_files = [path for path in files if _exists(path) and path.stat().st_mode & 0o077]
    if open_files:
        names = " ".join(map(str, open_files))
        yield Finding(
            WARNING,
            "database",
            f"Others may read it: names, addresses and what people did. Run: chmod 600 {names}",
        )


def _examine_logo(path: Path | None) -> Iterator[Finding]:
    if path is None:
        return
    if not os.access(path, os.R_OK):
        yield Finding(
            ERROR,
            "panel_logo",
            f"{path} is not there or cannot be read, so pages show none. Put an SVG or PNG file there"
            " that the server's user can read.",
        )
    elif path.suffix.lower() not in {".svg", ".png"}:
        yield Finding(
            WARNING, "panel_logo", f"{path} is neither SVG nor PNG: browsers may not show it."
        )
    else:
        yield Finding(OK, "panel_logo", f"{path} can be read")


def _examine_languages(settings: Settings) -> Iterator[Finding]:
    from twostep.catalogue import CatalogueUnusable
    from twostep.i18n import load_languages

    about, folder = "languages", settings.data_dir / "locale"
    try:
        for path, catalogue in load_languages(folder, default=settings.default_language).items():
            text = f"{path} translates {catalogue.translated} sentences"
            if catalogue.refused:
                first = catalogue.refused[0].partition("\n")[0][:60]
                text += (
                    f"; {len(catalogue.refused)} more have placeholders that the English has not,"
                    f' and stay English. The first: "{first}"'
                )
            yield Finding(WARNING if catalogue.refused else OK, about, text)
    except CatalogueUnusable as error:
        yield Finding(ERROR, about, str(error))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even what it is in
        return False
