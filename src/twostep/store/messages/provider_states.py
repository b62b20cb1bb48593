"""Providers that are passed by for a while, as the sending process saw them; for pages and commands."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class ProviderState:
    """`open_until`: until when it is passed by, Unix seconds, 0: it works. `reason`: what it said."""

    name: str
    open_until: int
    reason: str
    changed_at: int


def save(tx: Tx, state: ProviderState) -> None:
    """Write a provider's state down."""
    tx.do(
        "INSERT INTO provider_states (name, open_until, reason, changed_at)"
        " VALUES (:name, :until, :reason, :at) ON CONFLICT (name) DO UPDATE SET"
        " open_until = excluded.open_until, reason = excluded.reason,"
        " changed_at = excluded.changed_at",
        name=state.name,
        until=state.open_until,
        reason=state.reason,
        at=state.changed_at,
    )


def list_all(tx: Tx) -> list[ProviderState]:
    """Every provider that ever changed its state."""
    rows = tx.all("SELECT name, open_until, reason, changed_at FROM provider_states ORDER BY name")
    return [ProviderState(*row) for row in rows]
