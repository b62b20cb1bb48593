"""What a transaction leaves for whoever counts and logs events once it is committed."""

from __future__ import annotations

from dataclasses import dataclass

from twostep.core.audit.event import Event, Source


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event as it happened. `seq`: its record's number in `chain`; None for a refusal that waits
    for the event that counts it. `account_id` None: it belongs to no account."""

    event: Event
    source: Source
    chain: str
    account_id: str | None
    seq: int | None = None
