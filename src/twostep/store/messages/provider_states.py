"""Providers that are skipped for a while, as the sending process saw them; for pages and commands."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.store import tables
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class ProviderState:
    """`open_until`: until when it is skipped, Unix seconds, 0: it works. `reason`: what it said."""

    name: str
    open_until: int
    reason: str
    changed_at: int


def save(tx: Tx, state: ProviderState) -> None:
    """Write a provider's state down."""
    tables.upsert(tx, "provider_states", state, on="name")


def list_all(tx: Tx) -> list[ProviderState]:
    """Every provider that ever changed its state."""
    rows = tx.all(f"SELECT {tables.columns(ProviderState)} FROM provider_states ORDER BY name")
    return [ProviderState(*row) for row in rows]
