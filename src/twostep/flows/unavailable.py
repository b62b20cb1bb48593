"""The outage that every door must answer: the transaction did not commit."""

from __future__ import annotations

from twostep.store.tx import OutcomeUnknown, StoreUnavailable


__all__ = ["OutcomeUnknown", "StoreUnavailable"]
