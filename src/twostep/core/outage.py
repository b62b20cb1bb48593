"""The outage that every door must answer: the transaction did not commit, or nobody knows."""

from __future__ import annotations


__all__ = ["OutcomeUnknown", "StoreUnavailable"]


class StoreUnavailable(Exception):
    """The transaction did not commit: nothing was changed, and nothing of an answer may leave."""


class OutcomeUnknown(StoreUnavailable):
    """The connection was lost at COMMIT: nobody knows whether the change was kept."""
