"""OpenTelemetry traces: off unless `tracing.endpoint` is set, and then for operators alone.

`main.py` puts what is returned here around the parts it wires. Without the setting nothing is put
anywhere and no library of OpenTelemetry is imported. A request begins a trace of its own: what
strangers write into `traceparent` is not taken.

No span holds anything of a person or a secret: names of routes, flows and providers, and outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

from twostep.config import Settings
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
    """What is put around the parts."""

    def app(self, app: ASGIApp, route_of: RouteOf) -> ASGIApp:
        """A span for every request. `route_of`: the pattern of a path's page."""

    def store(self, store: Store) -> Store:
        """A span for every flow and read."""

    def hash(self, known: bool) -> AbstractContextManager[object]:  # noqa: FBT001  as `HashPool` calls it
        """A span for a password check."""

    def carriers(self, carriers: Carriers) -> Carriers:
        """A span for every call of a provider."""


class Untraced:
    """Puts nothing around anything."""

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
    """Trace until the end, and hand in what is left then. Raises `TracingUnavailable`."""
    if settings.tracing.endpoint is None:
        yield Untraced()
        return
    try:
        from twostep.tracing.exporter import exporting  # noqa: PLC0415  an extra; 0.5 s
    except ModuleNotFoundError:
        raise TracingUnavailable(
            "tracing.endpoint needs libraries that are not installed. Run: pip install 'twostep[otel]'"
        ) from None
    with exporting(settings.tracing) as tracing:
        yield tracing
