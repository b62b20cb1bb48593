"""Whether the keys belong to the database: each sealed value names its key, which has to be there.

With another installation's key file, or one from before a rotation, right codes would look like
wrong guesses, and new secrets would be sealed under a key that is not this database's. So nothing is
opened with such keys, and a key file that changes under a running server is taken only if it fits.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from twostep.config import Settings
from twostep.core.sealing import Keyring, key_id_of
from twostep.flows.keys import Keys, KeysUnreadable
from twostep.store.operate import sealed_columns
from twostep.store.operate.sealed_columns import SEALED_COLUMNS
from twostep.store.tx import Store, Tx


ROWS_AT_AN_END = 20


def missing_at_ends(tx: Tx, ring: Keyring, lost: Collection[str] = ()) -> frozenset[str]:
    """Ids of keys that the first and last rows of each table name and that are neither in the ring
    nor known to be lost."""
    named = map(key_id_of, sealed_columns.list_at_ends(tx, rows=ROWS_AT_AN_END))
    known = {key.id for key in ring.keys} | set(lost)
    return frozenset(name for name in named if name is not None and name not in known)


def count_missing(tx: Tx, ring: Keyring) -> dict[str, dict[str, int]]:
    """How many values of which kind name each key that is not in the ring."""
    known = {key.id for key in ring.keys}
    missing: dict[str, dict[str, int]] = {}
    for column in SEALED_COLUMNS:
        for key_id, count in sealed_columns.count_by_key(tx, column).items():
            if key_id not in known:
                missing.setdefault(key_id, {})[column.purpose] = count
    return missing


def require_keys(settings: Settings, keys: Keys, store: Store) -> None:
    """Refuse keys that are not the database's, now and whenever they change. Blocks.

    Raises `KeysUnreadable`, which says what is missing, and `StoreUnavailable`.
    """
    lost = settings.lost_keys

    def fits(ring: Keyring) -> bool:
        return not store.read_now(missing_at_ends, ring, lost)

    if not fits(keys.ring):
        missing = store.read_now(count_missing, keys.ring)
        raise KeysUnreadable(
            describe_missing({k: v for k, v in missing.items() if k not in lost}, settings.key_path)
        )
    keys.accept_only(fits)


def describe_missing(missing: dict[str, dict[str, int]], path: Path | None) -> str:
    """The keys that are missing, what they seal, and what to do."""
    source = "The keys in use lack" if path is None else f"The key file {path} lacks"
    each = "; ".join(
        f"{key_id}, which seals {sum(uses.values())}"
        f" value{'s' * (sum(uses.values()) != 1)}"
        f" ({', '.join(f'{count} in {purpose}' for purpose, count in uses.items())})"
        for key_id, uses in missing.items()
    )
    ids = ", ".join(f'"{key_id}"' for key_id in missing)
    return (
        f"{source} what this database is sealed with: {each}. Put back the keys that belong to it. If"
        f" they are lost for good: lost_keys = [{ids}] in the settings, and see"
        " docs/how-to/rotate-keys.md"
    )
