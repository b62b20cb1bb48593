"""A collector of traces on loopback: OTLP over HTTP, protobuf, as the specification has it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Span:
    """One span as it was handed in. `parent`: empty for the first of a trace."""

    name: str
    kind: int
    trace: str
    id: str
    parent: str
    failed: bool
    attributes: dict[str, Any]


@dataclass
class Collector:
    """What was handed in. `bodies`: the bytes as they came; `strange`: requests that were no OTLP."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def requests(self) -> list[ExportTraceServiceRequest]:
        """Every request, read."""
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    def resources(self) -> list[dict[str, Any]]:
        """Who handed them in."""
        return [
            _plain(resource_spans.resource.attributes)
            for request in self.requests()
            for resource_spans in request.resource_spans
        ]

    def spans(self) -> list[Span]:
        """Every span, in the order of their beginning."""
        spans = [
            (span.start_time_unix_nano, span)
            for request in self.requests()
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        spans.sort(key=lambda pair: pair[0])
        for _, span in spans:
            assert not span.events
            assert not span.links
            assert not span.status.message
        return [
            Span(
                span.name,
                span.kind,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                span.status.code == span.status.STATUS_CODE_ERROR,
                _plain(span.attributes),
            )
            for _, span in spans
        ]


def _plain(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Listen until the end."""
    collector = Collector()

    class Request(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            kind = self.headers["content-type"]
            if self.path != "/v1/traces" or kind != "application/x-protobuf":
                collector.strange.append(f"{self.path} {kind}")
            collector.headers.append({name.lower(): text for name, text in self.headers.items()})
            collector.bodies.append(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
