"""The table of pages, on Starlette's router: from a path to its page, and from a page's name to its path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from starlette.convertors import Convertor
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from twostep.web.visit import Page


_PART = re.compile(r"\\\{(\w+)\\\}")  # in an escaped path


class Part(Convertor[str]):
    """What may stand for a part of a path: an id, a link's value, the name of a file."""

    regex = "[A-Za-z0-9_.-]{1,100}"

    def convert(self, value: str) -> str:
        """Read it."""
        return value

    def to_string(self, value: str) -> str:
        """Write it. Raises ValueError for what would not be read again."""
        if not re.fullmatch(self.regex, value):
            raise ValueError(f"this is no part of a path: {value!r}")
        return value


class PageRoute(Route):
    """The route of a page to `app`.

    Its parts are ours: Starlette's list of convertors belongs to the whole process. It ends where the
    path ends: Starlette's `$` would let a line break pass. It takes every method: the door refuses
    those that the page does not know, and has other questions before.
    """

    def __init__(self, page: Page, app: ASGIApp, *, root_path: str) -> None:
        before = "" if page.at_origin else root_path
        super().__init__(before + page.path, app, name=page.name)
        pattern = _PART.sub(rf"(?P<\1>{Part.regex})", re.escape(self.path))
        self.path_regex = re.compile(rf"{pattern}\Z")
        self.param_convertors = dict.fromkeys(self.param_convertors, Part())
        self.app, self.methods = app, None
        self.page = page


class RouteTable:
    """Hands requests to `app`, which finds the page in the scope's `route` (None: there is no such page)
    and the parts of the path in `path_params`. `root_path`: what stands before the path of every page.
    """

    def __init__(self, pages: Iterable[Page], app: ASGIApp, *, root_path: str = "") -> None:
        self._routes = [PageRoute(page, app, root_path=root_path) for page in pages]
        self._named = {route.name: route for route in self._routes}
        # Trying 90 patterns in turn takes longer than all else that the door does.
        self._fixed = {one.path: one for one in self._routes if not one.param_convertors}
        if root_path:  # as people type it
            self._fixed[root_path] = self._fixed[f"{root_path}/"]
        self._app = app
        self._router = Router(self._routes, redirect_slashes=False, default=app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        fixed = self._fixed.get(scope["path"])
        # Paths are whole ones here, whatever of them a host's own router has read already.
        scope = {**scope, "root_path": "", "path_params": {}, "route": fixed}
        await (self._router if fixed is None else self._app)(scope, receive, send)

    def find(self, path: str) -> tuple[Page, Mapping[str, str]] | None:
        """The page of a path and the path's parts, or None."""
        if fixed := self._fixed.get(path):
            return fixed.page, {}
        for route in self._routes:
            match, more = route.matches({"type": "http", "method": "GET", "path": path})
            if match is Match.FULL:
                return route.page, more["path_params"]
        return None

    def path_for(self, name: str, /, **parts: str) -> str:
        """The path of a page. `parts`: all that its path holds."""
        route = self._named[name]
        if not parts and not route.param_convertors:
            return route.path
        return str(route.url_path_for(name, **parts))

    def pattern_of(self, path: str) -> str | None:
        """How the route of a path is written, without what stands in it."""
        found = self.find(path)
        return found[0].path if found else None
