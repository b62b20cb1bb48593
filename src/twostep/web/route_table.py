"""The route table, on Starlette's router: from a path to its page, and from a page's name to its path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from twostep.web.visit import Page


# One part of a path: an id, a link's token or a file name.
PART = "[A-Za-z0-9_.-]{1,100}"
_NAMED = re.compile(r"\\\{(\w+)\\\}")  # in an escaped path


class PageRoute(Route):
    """Routes a page to `app`.

    It sets its own pattern, because Starlette's would take other characters, and its `$` a trailing
    line break. It accepts every method: the door
    refuses the ones a page does not support, after other checks.
    """

    def __init__(self, page: Page, app: ASGIApp, *, root_path: str) -> None:
        prefix = "" if page.at_origin else root_path
        super().__init__(prefix + page.path, app, name=page.name)
        pattern = _NAMED.sub(rf"(?P<\1>{PART})", re.escape(self.path))
        self.path_regex = re.compile(rf"{pattern}\Z")
        self.app, self.methods = app, None
        self.page = page


class RouteTable:
    """Hands requests to `app` with the page in the scope's `route` (None if there is no such page) and
    the path's parts in `path_params`. `root_path`: prefix of every page's path.
    """

    def __init__(self, pages: Iterable[Page], app: ASGIApp, *, root_path: str = "") -> None:
        routes = [PageRoute(page, app, root_path=root_path) for page in pages]
        self._named = {route.name: route for route in routes}
        # Trying 90 patterns in turn would take longer than the rest of the door's work.
        self._fixed = {route.path: route for route in routes if not route.param_convertors}
        if root_path:  # people type it without the slash
            self._fixed[root_path] = self._fixed[f"{root_path}/"]
        self._patterns = [route for route in routes if route.param_convertors]
        self._app = app
        self._router = Router(self._patterns, redirect_slashes=False, default=app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        fixed = self._fixed.get(scope["path"])
        # Our paths include the root path, even if a host's own router has already consumed it.
        scope = {**scope, "root_path": "", "path_params": {}, "route": fixed}
        await (self._router if fixed is None else self._app)(scope, receive, send)

    def find(self, path: str) -> tuple[Page, Mapping[str, str]] | None:
        """The page of a path and the path's parts, or None."""
        if fixed := self._fixed.get(path):
            return fixed.page, {}
        for route in self._patterns:
            match, scope = route.matches({"type": "http", "method": "GET", "path": path})
            if match is Match.FULL:
                return route.page, scope["path_params"]
        return None

    def path_for(self, name: str, /, **parts: str) -> str:
        """The path of a page. `parts`: a value for each part of it.

        Raises LookupError if a name or a part is missing, ValueError if the path would not be found.
        """
        route = self._named[name]
        if not route.param_convertors:
            return route.path
        path = route.path.format(**parts)  # Starlette's own takes four times as long
        if not route.path_regex.match(path):
            raise ValueError(f"not a path of {name}: {path!r}")
        return path

    def pattern_of(self, path: str) -> str | None:
        """The route pattern that matches a path, without the values of its parts."""
        match = self.find(path)
        return match[0].path if match else None
