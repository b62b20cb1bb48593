"""Finds a request's page: fixed paths by one look-up, paths with parts by their patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable

from twostep.web.visit import Page


_PART = re.compile(r"\{(\w+)\}")


class Router:
    """A table of pages."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self.pages = tuple(pages)
        self._fixed = {page.path: page for page in self.pages if "{" not in page.path}
        self._patterns = [
            (re.compile(_PART.sub(r"(?P<\1>[A-Za-z0-9_.-]{1,100})", page.path)), page)
            for page in self.pages
            if "{" in page.path
        ]

    def find(self, path: str) -> tuple[Page, dict[str, str]] | None:
        """The page of a path and the path's parts, or None."""
        page = self._fixed.get(path)
        if page is not None:
            return page, {}
        for pattern, candidate in self._patterns:
            found = pattern.fullmatch(path)
            if found:
                return candidate, found.groupdict()
        return None

    def pattern_of(self, path: str) -> str | None:
        """How the route of a path is written, without what stands in it."""
        found = self.find(path)
        return found[0].path if found else None
