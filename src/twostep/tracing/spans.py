"""A span around each request, flow, read, password check and provider call.

Spans are named after the code: a route pattern, a function, a provider. Nothing from a URL, a form,
a header or an error's text goes in; an error is recorded by its class.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twostep.core.messages.channel import Channel
from twostep.delivery.message import Message as Outgoing
from twostep.delivery.port import Carrier, SendOutcome
from twostep.flows.hash_pool import Overloaded
from twostep.store.tx import Store, Tx


P = ParamSpec("P")
T = TypeVar("T")

# Machines request these every few seconds; their spans would be noise.
UNTRACED = frozenset({"/healthz", "/readyz", "/metrics"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
NO_FAULT = (Overloaded, asyncio.CancelledError)
Attributes = Mapping[str, str | bool | int | float]


class Spans:
    """Wraps parts of the product in spans."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def app(self, app: ASGIApp, route_of: Callable[[str], str | None]) -> ASGIApp:
        """A span for every request. `route_of`: the route pattern for a path."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            route = route_of(scope["path"])
            if route in UNTRACED:
                await app(scope, receive, send)
                return
            method = scope["method"] if scope["method"] in METHODS else "_OTHER"
            about = {"http.request.method": method, **({"http.route": route} if route else {})}
            name = f"{method} {route}" if route else method
            # A fresh context: the task may have inherited that of the connection's last request.
            with self.span(name, about, kind=SpanKind.SERVER, context=Context()) as span:
                await app(scope, receive, _noting_status(span, send))

        return traced

    def store(self, store: Store) -> Store:
        """A span for every flow and read."""
        return TracedStore(store, self)

    def hash(self, known: bool) -> Any:  # noqa: FBT001  as `HashPool` calls it
        """A span for a password check, including its wait for a thread."""
        return self.span("hash", {"twostep.lane": "known" if known else "stranger"})

    def carriers(
        self, carriers: Mapping[Channel, Sequence[Carrier]]
    ) -> dict[Channel, list[Carrier]]:
        """A span for every call to a provider."""
        made: dict[int, Carrier] = {}
        return {
            channel: [made.setdefault(id(way), TracedCarrier(way, self)) for way in ways]
            for channel, ways in carriers.items()
        }

    @contextmanager
    def span(
        self,
        name: str,
        attributes: Attributes,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        context: Context | None = None,
    ) -> Iterator[Span]:
        """One span; an exception is recorded by its class only."""
        with self._tracer.start_as_current_span(
            name,
            context=context,
            kind=kind,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                # Overload and shutdown are no faults; but cancelling a provider's call means that
                # it hung.
                if kind is not SpanKind.INTERNAL or not isinstance(error, NO_FAULT):
                    span.set_status(StatusCode.ERROR)
                raise


def _noting_status(span: Span, send: Send) -> Send:
    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            span.set_attribute("http.response.status_code", message["status"])
            if message["status"] >= 500:
                span.set_status(StatusCode.ERROR)
        await send(message)

    return noting


class TracedStore:
    """A `Store` with a span around every flow and read."""

    def __init__(self, store: Store, spans: Spans) -> None:
        self._store = store
        self._spans = spans
        self.read_now = store.read_now
        self.schema_version = store.schema_version
        self.pressure = store.pressure
        self.announce = store.announce
        self.listen = store.listen
        self.close = store.close

    async def run(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run one flow, as the wrapped store does. The span ends with the commit."""
        with self._spans.span(f"flow {name_of(flow)}", {}) as span:
            began = time.perf_counter()

            def begun(tx: Tx) -> T:
                span.set_attribute("db.system.name", tx.engine)
                span.set_attribute("twostep.waited_ms", 1000 * (time.perf_counter() - began))
                return flow(tx, *args, **kwargs)

            return await self._store.run(begun)

    async def read(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function that only reads, as the wrapped store does."""
        with self._spans.span(f"read {name_of(flow)}", {}):
            return await self._store.read(flow, *args, **kwargs)

    async def read_aside(
        self, flow: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same, for slow reads."""
        with self._spans.span(f"read {name_of(flow)}", {}):
            return await self._store.read_aside(flow, *args, **kwargs)


def name_of(flow: Callable[..., Any]) -> str:
    """A function's name in the code, like `second_step.submit_code`."""
    flow = inspect.unwrap(flow)
    module = str(getattr(flow, "__module__", "")).rpartition(".")[2]
    name = str(getattr(flow, "__qualname__", type(flow).__name__)).partition(".<locals>")[0]
    return f"{module}.{name}"


class TracedCarrier:
    """A provider with a span around every call."""

    def __init__(self, carrier: Carrier, spans: Spans) -> None:
        self._carrier = carrier
        self._spans = spans
        self.name = carrier.name
        self.channels = carrier.channels

    async def send(self, message: Outgoing, *, now: int) -> SendOutcome:
        """Hand one message over. The outcome is recorded in one word."""
        about = {"twostep.provider": self.name, "twostep.message": type(message).__name__}
        name = f"provider {self.name}"
        with self._spans.span(name, about, kind=SpanKind.CLIENT) as span:
            outcome = await self._carrier.send(message, now=now)
            span.set_attribute("twostep.outcome", type(outcome).__name__)
            return outcome
