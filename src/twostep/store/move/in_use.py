"""Why a database cannot be moved: somebody still works with it."""

from __future__ import annotations


class InUse(Exception):
    """Another program has the database open; the text says so."""
