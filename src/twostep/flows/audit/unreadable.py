"""Record a sealed value that did not open, after the flow that met it was rolled back."""

from __future__ import annotations

from twostep.flows.turn import Turn
from twostep.flows.unseal import Unreadable, record_broken_seal


def record_unreadable(turn: Turn, broken: Unreadable) -> None:
    """Record it in its account's trail."""
    record_broken_seal(
        turn.tx,
        broken.account_id,
        purpose=broken.purpose,
        keyring=turn.env.keyring,
        method=broken.method,
        now=turn.now,
    )
