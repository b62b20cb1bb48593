"""OpenTelemetry traces for operators; off unless `tracing.endpoint` is set.

`main.py` wraps the parts it wires in what this module returns. Without the setting nothing is
wrapped and no OpenTelemetry library is imported. Every request starts a new trace: `traceparent`
headers from strangers are ignored.

Spans hold no personal data and no secrets: only names of routes, flows and providers, and outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

from twostep.config import Settings
from twostep.config.operate import NO_TRACER
from twostep.core.messages.channel import Channel
from twostep.delivery.port import Carrier
from twostep.store.tx import Store


if TYPE_CHECKING:
    from starlette.types import ASGIApp


RouteOf = Callable[[str], str | None]

Carriers = Mapping[Channel, Sequence[Carrier]]


class TracingUnavailable(Exception):
    """The libraries are not installed; the text says what to do."""


class Tracing(Protocol):
    """Wraps the parts in spans."""

    def app(self, app: ASGIApp, route_of: RouteOf) -> ASGIApp:
        """A span for every request. `route_of`: the route pattern for a path."""

    def store(self, store: Store) -> Store:
        """A span for every flow and read."""

    def hash(self, known: bool) -> AbstractContextManager[object]:  # noqa: FBT001  as `HashPool` calls it
        """A span for a password check."""

    def carriers(self, carriers: Carriers) -> Carriers:
        """A span for every call to a provider."""


class Untraced:
    """Wraps nothing."""

    def app(self, app: ASGIApp, _route_of: RouteOf) -> ASGIApp:
        return app

    def store(self, store: Store) -> Store:
        return store

    def hash(self, _known: bool) -> AbstractContextManager[object]:  # noqa: FBT001
        return nullcontext()

    def carriers(self, carriers: Carriers) -> Carriers:
        return carriers


@contextmanager
def open_tracing(settings: Settings) -> Iterator[Tracing]:
    """Trace until the end, then export what is left. Raises `TracingUnavailable`."""
    if settings.tracing.endpoint is None:
        yield Untraced()
        return
    try:
        from twostep.tracing.exporter import exporting  # noqa: PLC0415  an extra; 0.5 s
    except ModuleNotFoundError:
        raise TracingUnavailable(NO_TRACER) from None
    with exporting(settings.tracing) as tracing:
        yield tracing
