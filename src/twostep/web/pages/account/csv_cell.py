"""Cells of a CSV file that a spreadsheet program may open."""

from __future__ import annotations

from datetime import UTC, datetime


# Prefixes that make a spreadsheet evaluate a cell as a formula (OWASP: CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(text: str) -> str:
    """The text, with an apostrophe in front if it would be read as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def utc(at: int) -> str:
    """An instant (Unix seconds) in ISO 8601: `2026-11-24T09:12:05Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
