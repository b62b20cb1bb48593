"""What each provider did with what it was given, counted by day: also for mails, and for the tries
after which another provider carried the message."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.store import tables
from twostep.store.tx import Tx


@dataclass(frozen=True, slots=True)
class ProviderTries:
    """One provider's day. `day`: days since 1970, UTC.

    `refused`: for the message's own sake, such as an unknown number; `failed`: the provider was
    away, failed or turned us away. `reason`: what it said at the last failure, without digits.
    """

    provider: str
    day: int
    accepted: int
    refused: int
    failed: int
    reason: str


_COLUMNS = tables.columns(ProviderTries)


def add(tx: Tx, tries: ProviderTries) -> ProviderTries:
    """Add to what is counted of that day; returns the sums."""
    row = tx.first(
        f"INSERT INTO provider_tries AS t ({_COLUMNS})"
        " VALUES (:provider, :day, :accepted, :refused, :failed, :reason)"
        " ON CONFLICT (day, provider) DO UPDATE SET accepted = t.accepted + :accepted,"
        " refused = t.refused + :refused, failed = t.failed + :failed,"
        " reason = CASE WHEN :reason = '' THEN t.reason ELSE :reason END"
        f" RETURNING {_COLUMNS}",
        provider=tries.provider,
        day=tries.day,
        accepted=tries.accepted,
        refused=tries.refused,
        failed=tries.failed,
        reason=tries.reason,
    )
    return tries if row is None else ProviderTries(*row)


def list_since(tx: Tx, day: int) -> list[ProviderTries]:
    """Every provider's days since then, the oldest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM provider_tries WHERE day >= :day ORDER BY day, provider", day=day
    )
    return [ProviderTries(*row) for row in rows]


def purge(tx: Tx, *, before_day: int) -> int:
    """Forget days before then."""
    return tx.run("DELETE FROM provider_tries WHERE day < :before", before=before_day)
