"""Back up an installation's database."""

from __future__ import annotations

from pathlib import Path

from twostep.config import Settings
from twostep.store.operate import back_up as store


def back_up(settings: Settings, target: Path) -> None:
    """Copy the database into `target`, which only its owner may read. Blocks as long as it takes.

    Raises `StoreUnavailable` and OSError.
    """
    store.back_up(settings.database_url.get_secret_value(), target)
