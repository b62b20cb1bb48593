"""Cells of a table that a spreadsheet program will open."""

from __future__ import annotations

from datetime import UTC, datetime


# What makes a spreadsheet compute a cell instead of showing it (OWASP: CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(text: str) -> str:
    """The text, with an apostrophe before what would be taken for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def utc(at: int) -> str:
    """An instant (Unix seconds) in ISO 8601: `2026-11-24T09:12:05Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
