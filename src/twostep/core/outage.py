"""Database outages that every entry point must handle: no commit, or an unknown outcome."""

from __future__ import annotations


__all__ = ["DatabaseMisconfigured", "OutcomeUnknown", "StoreUnavailable"]


class StoreUnavailable(Exception):
    """The transaction did not commit: nothing changed, and its result must not be sent."""


class DatabaseMisconfigured(StoreUnavailable):
    """It will not answer until somebody changes a setting or a right: waiting does not help."""


class OutcomeUnknown(StoreUnavailable):
    """The connection was lost at COMMIT: the change may or may not have been kept."""
